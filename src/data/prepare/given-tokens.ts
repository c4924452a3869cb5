import type { Config } from '../../config/schema.js';
import { givenTokens } from '../formats/tagged/tokens.js';
import { taskOf } from '../../tasks/registry.js';
import type { TokenizerConfig } from '../tokenizers/options.js';

/** A config's tokenizer; where rows give their tokens, one that takes them as they are. */
export function tokenizerOf({ task, data }: Pick<Config, 'task' | 'data'>): TokenizerConfig {
  const { tokenizer } = data;
  if (taskOf(task).gives !== 'tokens' || tokenizer.kind !== 'word') return tokenizer;
  return { ...tokenizer, ...givenTokens };
}
