import type { TokenizerConfig } from '../data/tokenizers/options.js';
import type { Tokenizer } from '../data/tokenizers/tokenizer.js';

/** Ids that are never drawn: padding, and the unknown token, which is no text, unless the corpus has it as a word. */
export function undrawn(config: TokenizerConfig, tokenizer: Tokenizer): ReadonlySet<number> {
  const isWord = config.kind === 'word' && config.unknownToken !== undefined;
  return new Set(isWord ? [0] : [0, tokenizer.emptyToken]);
}
