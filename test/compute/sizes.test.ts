import { expect, it } from 'vitest';
import { shardCount } from '../../src/compute/sizes.js';

it.each([
  ['a large batch has as many shards as the config says', 16, 2048, 16],
  ['a shard has at least 128 tokens', 16, 2047, 8],
  ['a small batch is one shard', 16, 100, 1],
  ['more shards are never made than the config says', 4, 100_000, 4],
])('%s', (_promise, most, tokens, shards) => {
  expect(shardCount(most, tokens)).toBe(shards);
});
