import type { TokenizerConfig } from './options.js';
import { bpeFromJson, loadBpeTokenizer } from './bpe-file.js';
import { trainBpeTokenizer } from './bpe-training.js';
import { ByteTokenizer } from './byte.js';
import { trainCharTokenizer } from './char.js';
import { plainTokenizerFromJson } from './plain-kinds.js';
import type { SerializedTokenizer } from './serialized.js';
import type { TokenCounts, Tokenizer } from './tokenizer.js';
import { trainWordTokenizer } from './word.js';

/** The kinds of tokenizers: the one place that knows them all. */

/**
 * Makes a tokenizer whose vocabulary comes from the training split.
 *
 * @param counts Occurrences of each token in the training split, in the order in which they first appeared;
 *   nothing for `byte` and for a `bpe` that is loaded from its file.
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
  return json.kind === 'bpe' ? bpeFromJson(json) : plainTokenizerFromJson(json);
}
