import { CharTokenizer } from '../../tokenizers/char.js';
import { loadTokenizer } from '../../tokenizers/load.js';
import type { SerializedTokenizer } from '../../tokenizers/serialized.js';
import type { Tokenizer } from '../../tokenizers/tokenizer.js';
import { WordTokenizer } from '../../tokenizers/word.js';
import { type PieceFile, readTokens, type TokenReader } from '../pieces/piece.js';

/** Reads a piece's tokens in order, as ids of the vocabulary. */
export class IdReader {
  /** What was read last, from the start. */
  ids = new Uint32Array(1 << 14);
  /** How many of the tokens that were read last are not in the vocabulary. */
  unknown = 0;
  readonly #reader: TokenReader;
  /** Ids by the tokens' numbers in the piece; absent where those are ids. */
  readonly #idOf: Uint32Array | undefined;
  readonly #unknownId: number;

  constructor(piece: PieceFile, tokenizer: Tokenizer) {
    const plainBytes = tokenizer.kind === 'byte';
    this.#reader = readTokens(piece, plainBytes);
    this.#idOf = plainBytes ? byteIds : mapWords(piece, tokenizer);
    this.#unknownId = tokenizer.emptyToken;
  }

  /**
   * Reads the next `tokens` tokens.
   *
   * @returns How many ids they are: unknown words may be dropped.
   */
  read(tokens: number): number {
    if (tokens > this.ids.length) this.ids = new Uint32Array(2 * tokens);
    const { ids } = this;
    this.#reader.read(ids, tokens);
    this.unknown = 0;
    const idOf = this.#idOf;
    if (idOf === undefined) return tokens;
    let kept = 0;
    for (let i = 0; i < tokens; i++) {
      const id = idOf[ids[i]!]!;
      if (id === this.#unknownId) this.unknown += 1;
      if (id !== 0) ids[kept++] = id;
    }
    return kept;
  }
}

const byteIds = Uint32Array.from({ length: 256 }, (_, byte) => byte + 1);

function mapWords(piece: PieceFile, tokenizer: Tokenizer): Uint32Array | undefined {
  if (!(tokenizer instanceof WordTokenizer || tokenizer instanceof CharTokenizer)) return undefined;
  const numbers = piece.readWords('wordNumbers');
  const ends = piece.readWords('wordEnds');
  const letters = piece.read('letters');
  const idOf = new Uint32Array(numbers.length);
  let start = 0;
  numbers.forEach((number, i) => {
    idOf[number] = tokenizer.idOf(letters.subarray(start, ends[i]));
    start = ends[i]!;
  });
  return idOf;
}

/** Whether tokens that are not in the vocabulary are left out rather than replaced. */
export function dropsUnknown(tokenizer: Tokenizer): boolean {
  return tokenizer.kind === 'word' && tokenizer.emptyToken === 0;
}

let last: { json: SerializedTokenizer; tokenizer: Tokenizer } | undefined;

/** Makes a tokenizer, or remembers the one that was made of the same object last. */
export async function recallTokenizer(json: SerializedTokenizer): Promise<Tokenizer> {
  if (last?.json !== json) last = { json, tokenizer: await loadTokenizer(json) };
  return last.tokenizer;
}
