import { expect, test } from 'vitest';
import { RowEncoder } from '../../../src/data/batches/encode-row.js';
import { ByteTokenizer } from '../../../src/data/tokenizers/byte.js';

const tokenizer = new ByteTokenizer();
const encoder = new RowEncoder(tokenizer);

function cut(text: string, maxLength: number, truncate: 'pre' | 'post'): string {
  return tokenizer.decode(encoder.encodeRow(text, { maxLength, truncate }).tokens);
}

test('of a row that is too long the end or the beginning is cut away', () => {
  expect(cut('abcdefg', 4, 'post')).toBe('abcd');
  expect(cut('abcdefg', 4, 'pre')).toBe('defg');
});

test.each(['pre', 'post'] as const)('%s: a row that fits stays whole', (truncate) => {
  expect(cut('abcd', 4, truncate)).toBe('abcd');
  expect(cut('a', 4, truncate)).toBe('a');
});

test('a row without a token stands for itself as one', () => {
  const { tokens } = encoder.encodeRow('', { maxLength: 4, truncate: 'pre' });
  expect(tokens).toEqual([0]);
});
