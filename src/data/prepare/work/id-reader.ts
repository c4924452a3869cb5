import { CharTokenizer } from '../../tokenizers/char.js';
import { loadTokenizer } from '../../tokenizers/load.js';
import type { SerializedTokenizer } from '../../tokenizers/serialized.js';
import type { Tokenizer } from '../../tokenizers/tokenizer.js';
import { WordTokenizer } from '../../tokenizers/word.js';
import { type FeatureVocabulary, numbering, numbersOf } from '../../features/features.js';
import {
  eachWord,
  type PieceFile,
  readTokens,
  type TokenReader,
  wordsOf,
} from '../pieces/piece.js';

/** Reads a piece's tokens in order, as ids of the vocabulary, and with each those of its features. */
export class IdReader {
  /** What was read last, from the start. */
  ids = new Uint32Array(1 << 14);
  /** The same of each feature: as many numbers a token as it has. */
  features: Uint32Array[];
  /** How many of the tokens that were read last are not in the vocabulary. */
  unknown = 0;
  readonly #reader: TokenReader;
  /** Ids by the tokens' numbers in the piece; absent where those are ids. */
  readonly #idOf: Uint32Array | undefined;
  readonly #unknownId: number;
  readonly #featureReaders: readonly TokenReader[];
  /** By feature: how many numbers a token has of it, and these by the numbers of values in the piece. */
  readonly #widths: readonly number[];
  readonly #featureIds: readonly Uint32Array[];
  /** Which of the tokens that were read last are kept, where there are features; and values of these in the piece. */
  #kept = new Uint32Array(1 << 14);
  #values = new Uint32Array(1 << 14);

  /** @param stream 0 of the words, or that of the sources of pairs. */
  constructor(
    piece: PieceFile,
    tokenizer: Tokenizer,
    vocabularies: readonly FeatureVocabulary[] = [],
    stream = 0,
  ) {
    const plainBytes = tokenizer.kind === 'byte';
    this.#reader = readTokens(piece, plainBytes, stream);
    this.#idOf = plainBytes ? byteIds : mapTokens(piece, tokenizer, stream);
    this.#unknownId = tokenizer.emptyToken;
    this.#widths = vocabularies.map(numbersOf);
    this.features = this.#widths.map((width) => new Uint32Array(width << 14));
    this.#featureReaders = vocabularies.map((_, i) => readTokens(piece, false, i + 1));
    this.#featureIds = vocabularies.map((vocabulary, i) => mapValues(piece, i + 1, vocabulary));
  }

  /**
   * Reads the next `tokens` tokens.
   *
   * @returns How many ids they are: unknown words may be dropped.
   */
  read(tokens: number): number {
    if (tokens > this.ids.length) this.#grow(2 * tokens);
    const { ids } = this;
    this.#reader.read(ids, tokens);
    this.unknown = 0;
    const idOf = this.#idOf;
    if (idOf === undefined) return tokens;
    if (this.features.length > 0) return this.#readWithFeatures(tokens, idOf);
    let kept = 0;
    for (let i = 0; i < tokens; i++) {
      const id = idOf[ids[i]!]!;
      if (id === this.#unknownId) this.unknown += 1;
      if (id !== 0) ids[kept++] = id;
    }
    return kept;
  }

  /** Puts a token where a row has none, of which nothing is known beside. */
  putEmpty(token: number): void {
    this.ids[0] = token;
    this.features.forEach((ids, i) => ids.fill(0, 0, this.#widths[i]));
  }

  #grow(length: number): void {
    this.ids = new Uint32Array(length);
    this.features = this.#widths.map((width) => new Uint32Array(width * length));
    if (this.features.length === 0) return;
    this.#kept = new Uint32Array(length);
    this.#values = new Uint32Array(length);
  }

  #readWithFeatures(tokens: number, idOf: Uint32Array): number {
    const { ids, features } = this;
    const places = this.#kept;
    let kept = 0;
    for (let i = 0; i < tokens; i++) {
      const id = idOf[ids[i]!]!;
      if (id === this.#unknownId) this.unknown += 1;
      if (id === 0) continue;
      places[kept] = i;
      ids[kept++] = id;
    }
    const values = this.#values;
    features.forEach((numbers, feature) => {
      const [width, valueIds] = [this.#widths[feature]!, this.#featureIds[feature]!];
      this.#featureReaders[feature]!.read(values, tokens);
      for (let i = 0; i < kept; i++) {
        const from = values[places[i]!]! * width;
        for (let n = 0; n < width; n++) numbers[i * width + n] = valueIds[from + n]!;
      }
    });
    return kept;
  }
}

const byteIds = Uint32Array.from({ length: 256 }, (_, byte) => byte + 1);

function mapTokens(
  piece: PieceFile,
  tokenizer: Tokenizer,
  stream: number,
): Uint32Array | undefined {
  if (!(tokenizer instanceof WordTokenizer || tokenizer instanceof CharTokenizer)) return undefined;
  const ids = new Uint32Array(wordsOf(piece.record, stream));
  eachWord(piece, stream, (number, letters) => (ids[number] = tokenizer.idOf(letters)));
  return ids;
}

/** By number of the values of a feature: as many numbers of each as a token has. */
function mapValues(piece: PieceFile, stream: number, vocabulary: FeatureVocabulary): Uint32Array {
  const width = numbersOf(vocabulary);
  const numbersOfValue = numbering(vocabulary);
  const numbers = new Uint32Array(width * wordsOf(piece.record, stream));
  eachWord(piece, stream, (number, letters) =>
    numbers.set(numbersOfValue(letters.toString()), number * width),
  );
  return numbers;
}

/** Whether tokens that are not in the vocabulary are left out rather than replaced. */
export function dropsUnknown(tokenizer: Tokenizer): boolean {
  return tokenizer.kind === 'word' && tokenizer.emptyToken === 0;
}

/** As long as their jobs are. */
const made = new WeakMap<SerializedTokenizer, Tokenizer>();

/** Makes a tokenizer, or remembers the one that was made of the same object. */
export async function recallTokenizer(json: SerializedTokenizer): Promise<Tokenizer> {
  const known = made.get(json);
  if (known !== undefined) return known;
  const tokenizer = await loadTokenizer(json);
  made.set(json, tokenizer);
  return tokenizer;
}
