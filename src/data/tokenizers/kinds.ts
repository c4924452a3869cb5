import type { TokenizerConfig } from '../../config/schema.js';
import { BpeCounter, BpeTokenizer, loadBpeTokenizer, trainBpeTokenizer } from './bpe.js';
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
    case 'bpe':
      return config.file === undefined ? new BpeCounter(config) : undefined;
  }
}

/**
 * Makes a tokenizer whose vocabulary comes from the training split.
 *
 * @param counts What the counter of `createTokenCounter` counted; empty for `byte` and for a `bpe` that is
 *   loaded from its file.
 * @throws UserError for a file of a `bpe` that cannot be used.
 */
export function trainTokenizer(config: TokenizerConfig, counts: TokenCounts): Tokenizer {
  switch (config.kind) {
    case 'word':
      return trainWordTokenizer(config, counts);
    case 'char':
      return trainCharTokenizer(config, counts);
    case 'byte':
      return new ByteTokenizer();
    case 'bpe':
      return config.file === undefined
        ? trainBpeTokenizer(config, counts)
        : loadBpeTokenizer(config.file);
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
    case 'bpe':
      return new BpeTokenizer(json);
  }
}
