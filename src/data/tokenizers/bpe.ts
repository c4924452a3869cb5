import { decodeUtf8 } from '../../system/utf8.js';
import { AddedTokenFinder } from './bpe-added-tokens.js';
import type { CheckedTokenizer } from './bpe-json.js';
import { type ParsedTokenizer, parseTokenizer } from './bpe-parsed.js';
import { createNormalizer, createWordCutter, type WordCutter } from './bpe-steps.js';
import type { SerializedBpe } from './serialized.js';
import type { Tokenizer } from './tokenizer.js';
import { WordTable } from './word-table.js';

/** Words whose ids are remembered, at most. */
const cachedWords = 1 << 17;
/** Longer words, in bytes, are seldom met again. */
const longestCached = 128;

/**
 * Byte-level BPE as a Hugging Face `tokenizer.json` describes it. An id is that of the file plus one,
 * so that 0 stays padding. No special tokens are added around a text; those in it are found.
 *
 * The ids are those of the `tokenizers` package. It is not asked for them, because it encodes only
 * asynchronously and several times slower.
 */
export class BpeTokenizer implements Tokenizer {
  readonly kind = 'bpe';
  readonly separator = '';
  readonly vocabularySize: number;
  readonly emptyToken = 0;
  readonly #json: SerializedBpe;
  readonly #parsed: ParsedTokenizer;
  readonly #normalize: (text: string) => string;
  readonly #words: WordCutter;
  /** Added tokens that are looked for before normalization and after it; undefined for none. */
  readonly #raw: AddedTokenFinder | undefined;
  readonly #normalized: AddedTokenFinder | undefined;
  readonly #mayCut: boolean;
  readonly #known = new WordTable();
  /** Ids of the known words, one after the other; those of word i end at `#ends[i]`. */
  #ids: number[] = [];
  #ends: number[] = [];

  /**
   * @param checked the tokenizer.json as `checkTokenizerJson` gives it
   * @throws RangeError that names the key of the tokenizer.json and what was expected.
   */
  constructor(json: Omit<SerializedBpe, 'kind'>, checked: CheckedTokenizer) {
    this.#json = { kind: 'bpe', ...json };
    this.#parsed = parseTokenizer(checked);
    const { addedTokens, normalizer, preTokenizer, size } = this.#parsed;
    this.vocabularySize = size + 1;
    this.#normalize = createNormalizer(normalizer);
    this.#words = createWordCutter(preTokenizer);
    this.#raw = findIn(
      addedTokens.filter((token) => !token.normalized),
      (text) => text,
    );
    this.#normalized = findIn(
      addedTokens.filter((token) => token.normalized),
      this.#normalize,
    );
    this.#mayCut = !addedTokens.some(({ content, rstrip }) => rstrip || /\s/.test(content));
  }

  encode(text: string): number[] {
    const ids: number[] = [];
    this.#encodeSections(this.#raw, text, ids, (section) =>
      this.#encodeSections(this.#normalized, this.#normalize(section), ids, (rest) =>
        this.#encodeWords(rest, ids),
      ),
    );
    return ids;
  }

  #encodeSections(
    finder: AddedTokenFinder | undefined,
    text: string,
    ids: number[],
    encode: (text: string) => void,
  ): void {
    if (finder === undefined) {
      encode(text);
      return;
    }
    for (const section of finder.split(text)) {
      if (section.id === undefined) encode(section.text);
      else ids.push(section.id + 1);
    }
  }

  #encodeWords(text: string, ids: number[]): void {
    this.#words.split(text, (bytes, start, end) => {
      const index = this.#known.find(bytes, start, end);
      if (index < 0) {
        this.#encodeNew(bytes.subarray(start, end), ids);
        return;
      }
      const last = this.#ends[index]!;
      for (let i = index === 0 ? 0 : this.#ends[index - 1]!; i < last; i++) ids.push(this.#ids[i]!);
    });
  }

  #encodeNew(word: Uint8Array, ids: number[]): void {
    const pieces = this.#parsed.model.encode(word);
    for (const id of pieces) ids.push(id + 1);
    if (word.length > longestCached) return;
    if (this.#known.size === cachedWords) {
      this.#known.clear();
      this.#ids = [];
      this.#ends = [];
    }
    this.#known.add(word, 0, word.length);
    for (const id of pieces) this.#ids.push(id + 1);
    this.#ends.push(this.#ids.length);
  }

  /** Every text is made of bytes. */
  unknownIn(): string[] {
    return [];
  }

  /** Bytes that are no UTF-8 become U+FFFD. */
  decode(ids: ArrayLike<number>): string {
    const pieces: Uint8Array[] = [];
    for (let i = 0; i < ids.length; i++) {
      const piece = this.#parsed.bytesOf(ids[i]! - 1);
      if (piece !== undefined) pieces.push(piece);
    }
    return decodeUtf8(joinBytes(pieces));
  }

  cut(text: string): number {
    return this.#mayCut ? this.#words.cut(text) : 0;
  }

  toJSON(): SerializedBpe {
    return this.#json;
  }
}

function findIn(
  tokens: ConstructorParameters<typeof AddedTokenFinder>[0],
  normalize: (text: string) => string,
): AddedTokenFinder | undefined {
  return tokens.length === 0 ? undefined : new AddedTokenFinder(tokens, normalize);
}

function joinBytes(pieces: readonly Uint8Array[]): Uint8Array {
  const joined = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    joined.set(piece, at);
    at += piece.length;
  }
  return joined;
}
