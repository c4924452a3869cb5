import type { FeatureVocabulary } from '../features/features.js';
import type { TargetScale } from '../../tasks/target-scale.js';
import type { Tokenizer } from '../tokenizers/tokenizer.js';

/** One split of a prepared corpus, read by position. */
export interface TokenStore {
  readonly rows: number;
  readonly tokens: number;
  /** Tokens of the longest row. */
  readonly longestRow: number;
  /** Where rows are pairs, whose targets the tokens are: tokens of their sources, and of the longest of these. */
  readonly source?: { readonly tokens: number; readonly longestRow: number } | undefined;
  /** Int32 words of a row's label; one where absent. */
  readonly labelWords?: number;
  /** What its token ids and labels mean, where that is known. */
  readonly vocabulary?: StoreVocabulary | undefined;
  /**
   * Reads rows in the given order: their tokens one after the other, where each begins and, at
   * `rowStart[rows.length]`, where the last ends, their labels (-1 without; of numbers the bits of float32; of sets
   * their words, row after row; of pairs nothing) and, where tokens have tags, these; of pairs the same of their sources.
   *
   * @throws RangeError when a row does not exist or does not fit.
   */
  readRows(rows: ArrayLike<number>, into: RowArrays): Promise<void>;
  /**
   * Reads how many tokens each of the given rows has.
   *
   * @param sources Where those of the sources of pairs go.
   * @throws RangeError when a row does not exist.
   */
  readLengths(rows: ArrayLike<number>, into: Int32Array, sources?: Int32Array): Promise<void>;
  /**
   * Reads `count` tokens from position `start` of all rows laid one after the other.
   *
   * @param features where their features go, as far as asked for
   * @throws RangeError when there are fewer or they do not fit behind `at`.
   */
  readTokens(
    start: number,
    count: number,
    into: Int32Array,
    at: number,
    features?: readonly Int32Array[],
  ): Promise<void>;
  /** Where a row comes from: its source (index into the manifest's) and its number there, from 1. */
  locate(row: number): Promise<{ source: number; row: number }>;
  close(): Promise<void>;
}

export interface StoreVocabulary {
  readonly tokenizer: Tokenizer;
  /** Of pairs that of the sources, where it is another one. */
  readonly sourceTokenizer?: Tokenizer | undefined;
  readonly classes: readonly string[];
  /** Of numbers. */
  readonly targetScale?: TargetScale | undefined;
  readonly features?: readonly FeatureVocabulary[];
}

export interface RowArrays {
  readonly tokens: Int32Array;
  /** At least one longer than the number of rows. */
  readonly rowStart: Int32Array;
  readonly labels: Int32Array;
  /** As long as `tokens`, where tokens have tags. */
  readonly targets?: Int32Array;
  /** Of each feature that tokens have as many numbers a token as are kept, for as many tokens as `tokens` has. */
  readonly features?: readonly Int32Array[];
  /** Of pairs: tokens of their sources, and where each begins, as above. */
  readonly source?: { readonly tokens: Int32Array; readonly rowStart: Int32Array } | undefined;
}
