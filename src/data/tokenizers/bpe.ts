import { readFileSync } from 'node:fs';
import type { BpeConfig } from './options.js';
import { UserError } from '../../errors.js';
import { AddedTokenFinder } from './bpe-added-tokens.js';
import { parseTokenizerJson, type ParsedTokenizer } from './bpe-json.js';
import { sampleTexts } from './bpe-sample.js';
import { createNormalizer, createWordCutter, type WordCutter } from './bpe-steps.js';
import { trainMerges } from './bpe-trainer.js';
import type { SerializedBpe } from './serialized.js';
import type { TokenCounts, Tokenizer } from './tokenizer.js';
import { WordTable } from './word-table.js';

/** Words whose ids are remembered, at most. */
const cachedWords = 1 << 17;
/** Longer words, in bytes, are seldom met again. */
const longestCached = 128;

const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

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

  /** @throws RangeError that names the key of the tokenizer.json and what was expected. */
  constructor(json: Omit<SerializedBpe, 'kind'>) {
    this.#json = { kind: 'bpe', ...json };
    this.#parsed = parseTokenizerJson(json.tokenizer);
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
    return decoder.decode(Buffer.concat(pieces));
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

/** How our own tokenizers cut a text into words. */
function trainingSteps({ lowerCase }: BpeConfig) {
  return {
    normalizer: lowerCase ? { type: 'Lowercase' } : null,
    pre_tokenizer: {
      type: 'ByteLevel',
      add_prefix_space: false,
      trim_offsets: true,
      use_regex: true,
    },
  };
}

/** Counts the words in which pairs will be merged; `counts` is made anew at every look. */
export class BpeCounter {
  readonly #words = new WordTable();
  readonly #counts: number[] = [];
  readonly #normalize: (text: string) => string;
  readonly #cutter: WordCutter;

  constructor(config: BpeConfig) {
    const { normalizer, pre_tokenizer } = trainingSteps(config);
    this.#normalize = createNormalizer(normalizer);
    this.#cutter = createWordCutter(pre_tokenizer);
  }

  add(text: string): void {
    const counts = this.#counts;
    this.#cutter.split(this.#normalize(text), (bytes, start, end) => {
      const index = this.#words.add(bytes, start, end);
      if (index === counts.length) counts.push(1);
      else counts[index]! += 1;
    });
  }

  cut(text: string): number {
    return this.#cutter.cut(text);
  }

  get counts(): TokenCounts {
    return new Map(this.#counts.map((count, index) => [this.#words.word(index), count]));
  }
}

/** Learns merges until the vocabulary has `vocabularySize` ids, padding included, or no pair is left. */
export function trainBpeTokenizer(config: BpeConfig, counts: TokenCounts): BpeTokenizer {
  const { tokens, merges } = trainMerges(counts, config.vocabularySize - 1);
  return new BpeTokenizer({
    tokenizer: {
      version: '1.0',
      truncation: null,
      padding: null,
      added_tokens: [],
      ...trainingSteps(config),
      post_processor: null,
      decoder: { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: true },
      model: {
        type: 'BPE',
        dropout: null,
        unk_token: null,
        continuing_subword_prefix: null,
        end_of_word_suffix: null,
        fuse_unk: false,
        byte_fallback: false,
        ignore_merges: false,
        vocab: Object.fromEntries(tokens.map((token, id) => [token, id])),
        merges,
      },
    },
  });
}

/**
 * Learns a tokenizer from a stream of texts, or from an even sample of them (`trainBytes`), or takes
 * it from its file. The same texts in the same order give the same tokenizer.
 *
 * @throws UserError for a file that cannot be used.
 */
export async function trainBpe(
  texts: AsyncIterable<string>,
  config: BpeConfig,
): Promise<SerializedBpe> {
  if (config.file !== undefined) return loadBpeTokenizer(config.file).toJSON();
  const counter = new BpeCounter(config);
  const sample = await sampleTexts(texts, config.trainBytes, (text) => counter.cut(text));
  for (const text of sample) counter.add(text.toString());
  return trainBpeTokenizer(config, counter.counts).toJSON();
}

/**
 * The tokenizer of a Hugging Face `tokenizer.json`.
 *
 * @throws UserError for a file that is missing, damaged or no byte-level BPE.
 */
export function loadBpeTokenizer(path: string): BpeTokenizer {
  try {
    return new BpeTokenizer({ tokenizer: JSON.parse(readFileSync(path, 'utf8')) });
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const missing = 'code' in error && error.code === 'ENOENT';
    throw new UserError(
      missing
        ? `data.tokenizer.file: there is no file ${path}; expected a Hugging Face tokenizer.json.`
        : `${path} is no tokenizer.json that can be used: ${error.message}.`,
      { cause: error },
    );
  }
}
