import type { SerializedTokenizer } from './serialized.js';

/** From text to token ids and back. Id 0 is padding in every tokenizer and is never given to text. */
export interface Tokenizer {
  readonly kind: 'word' | 'char' | 'byte' | 'bpe';
  /** Number of ids, padding included: the largest id plus one. */
  readonly vocabularySize: number;
  /** Stands in a row whose text has no token at all: the unknown token or, without one, padding. */
  readonly emptyToken: number;
  /** What `decode` puts between two tokens; nothing where tokens have their white space themselves. */
  readonly separator: string;
  /** Token ids of a text; empty where the text has no token. */
  encode(text: string): number[];
  /** The words or characters of a text that the vocabulary has not, in its order. */
  unknownIn(text: string): string[];
  /** Text of token ids; padding gives nothing. */
  decode(ids: ArrayLike<number>): string;
  /**
   * The largest index at which a text that goes on may be cut so that encoding the two parts gives
   * the ids of the whole; 0 when there is none.
   */
  cut(text: string): number;
  toJSON(): SerializedTokenizer;
}

/** Occurrences of each token of the training split, in the order in which tokens first appeared. */
export type TokenCounts = ReadonlyMap<string, number>;
