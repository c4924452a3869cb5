import type { Config } from '../config/schema.js';
import type { Corpus } from '../data/store/corpus.js';
import { taskOf } from '../tasks/registry.js';

/** Tokens that are looked at. */
const ENOUGH = 1 << 16;

/**
 * What ends most lines of a text that a language model learns from, as its tokens tell: a text that is scored
 * later has the same end.
 *
 * @returns undefined for a line feed alone, also where tokens tell of no lines, and for other tasks
 */
export async function lineEndOf(
  task: Config['task'],
  { tokenizer, train: store }: Pick<Corpus, 'tokenizer' | 'train'>,
): Promise<'\r\n' | undefined> {
  if (taskOf(task).gives !== 'text') return undefined;
  const ids = new Int32Array(Math.min(store.tokens, ENOUGH));
  await store.readTokens(0, ids.length, ids, 0);
  const text = tokenizer.decode(ids);
  const all = text.split('\n').length - 1;
  const pairs = text.split('\r\n').length - 1;
  return pairs > all / 2 ? '\r\n' : undefined;
}
