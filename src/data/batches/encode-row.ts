import type { Config } from '../../config/schema.js';
import type { Tokenizer } from '../tokenizers/tokenizer.js';

/**
 * Token ids of one row as a classifier sees it, in training as in prediction: at most `maxLength`
 * of them, the end that `truncate` names cut away (Keras's `pad_sequences`, without the padding),
 * and at least one.
 */
export function encodeRow(
  tokenizer: Tokenizer,
  text: string,
  { maxLength, truncate }: Pick<Config['data'], 'maxLength' | 'truncate'>,
): number[] {
  const ids = tokenizer.encode(text);
  if (ids.length === 0) return [tokenizer.emptyToken];
  if (ids.length <= maxLength) return ids;
  return truncate === 'post' ? ids.slice(0, maxLength) : ids.slice(-maxLength);
}
