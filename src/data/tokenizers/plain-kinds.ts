import { ByteTokenizer } from './byte.js';
import { CharTokenizer } from './char.js';
import type { SerializedBpe, SerializedTokenizer } from './serialized.js';
import type { Tokenizer } from './tokenizer.js';
import { WordTokenizer } from './word.js';

/** The tokenizer that `toJSON` described, of any kind but `bpe`, whose reading takes much more code. */
export function plainTokenizerFromJson(
  json: Exclude<SerializedTokenizer, SerializedBpe>,
): Tokenizer {
  switch (json.kind) {
    case 'word':
      return new WordTokenizer(json);
    case 'char':
      return new CharTokenizer(json);
    case 'byte':
      return new ByteTokenizer();
  }
}
