import { type Example } from '../data/examples.js';
import { type TokenStore } from '../data/token-store.js';
import { type Tokenizer } from '../data/tokenizers/tokenizer.js';

/**
 * The tokens of lines of text as one stream in memory, four bytes a token: enough for a held-out
 * text, and without the training data that a store on disk is made with.
 */
export async function holdTokens(
  lines: AsyncIterable<Example>,
  tokenizer: Tokenizer,
): Promise<TokenStore> {
  let tokens = new Int32Array(1 << 16);
  let count = 0;
  for await (const { text } of lines) {
    const ids = tokenizer.encode(`${text}\n`);
    if (count + ids.length > tokens.length) {
      const larger = new Int32Array(2 * (count + ids.length));
      larger.set(tokens);
      tokens = larger;
    }
    tokens.set(ids, count);
    count += ids.length;
  }
  const all = tokens.subarray(0, count);
  return {
    rows: 1,
    tokens: count,
    longestRow: count,
    readRows(rows, into) {
      for (let i = 0; i < rows.length; i++) {
        into.tokens.set(all, i * count);
        into.rowStart[i + 1] = (i + 1) * count;
        into.labels[i] = -1;
      }
      into.rowStart[0] = 0;
      return Promise.resolve();
    },
    readLengths(rows, into) {
      into.fill(count, 0, rows.length);
      return Promise.resolve();
    },
    readTokens(start, length, into, at) {
      if (start < 0 || start + length > count) throw new RangeError('there are fewer tokens');
      into.set(all.subarray(start, start + length), at);
      return Promise.resolve();
    },
    locate: () => Promise.resolve({ source: 0, row: 1 }),
    close: () => Promise.resolve(),
  };
}
