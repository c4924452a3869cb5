import type { TokenizerConfig } from '../../config/schema.js';
import { ByteTokenizer } from './byte.js';
import { CharCounter, CharTokenizer, trainCharTokenizer } from './char.js';
import type { SerializedTokenizer } from './serialized.js';
import type { TokenCounter, TokenCounts, Tokenizer } from './tokenizer.js';
import { trainWordTokenizer, WordCounter, WordTokenizer } from './word.js';

/** The kinds of tokenizers: the one place that knows them all. */

/** What to count before `trainTokenizer`; undefined for a tokenizer that learns nothing. */
export function createTokenCounter(config: TokenizerConfig): TokenCounter | undefined {
  switch (config.kind) {
    case 'word':
      return new WordCounter(config);
    case 'char':
      return new CharCounter(config);
    case 'byte':
      return undefined;
  }
}

/**
 * Makes a tokenizer whose vocabulary comes from the training split.
 *
 * @param counts What the counter of `createTokenCounter` counted; empty for `byte`.
 */
export function trainTokenizer(config: TokenizerConfig, counts: TokenCounts): Tokenizer {
  switch (config.kind) {
    case 'word':
      return trainWordTokenizer(config, counts);
    case 'char':
      return trainCharTokenizer(config, counts);
    case 'byte':
      return new ByteTokenizer();
  }
}

/** The tokenizer that `toJSON` described. */
export function tokenizerFromJson(json: SerializedTokenizer): Tokenizer {
  switch (json.kind) {
    case 'word':
      return new WordTokenizer(json);
    case 'char':
      return new CharTokenizer(json);
    case 'byte':
      return new ByteTokenizer();
  }
}
