import { truncate } from 'node:fs/promises';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import {
  type BatchOptions,
  type BatchSource,
  createBatches,
  type HostBatch,
} from '../../../src/data/batches/batches.js';
import { readAhead } from '../../../src/data/batches/read-ahead.js';
import type { TokenStore } from '../../../src/data/store/token-store.js';
import { UserError } from '../../../src/errors.js';
import { useScratch } from '../scratch.js';
import { storeOf, writeStore } from '../stores.js';
import { tries } from '../../effort.js';

const scratch = useScratch();
const opened: TokenStore[] = [];
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
});

const rows = Array.from({ length: 200 }, (_, row) =>
  Array.from({ length: 1 + ((row * 37) % 23) }, (_, i) => (row * 31 + i) % 5000),
);

const classify: BatchOptions = {
  rows: 'apart',
  batchSize: 7,
  seed: 3,
  shuffle: true,
  bucketBatches: 4,
  features: [1, 2],
};
const languageModel: BatchOptions = {
  rows: 'joined',
  features: [1, 2],
  batchSize: 6,
  sequenceLength: 5,
};

async function write(content = rows) {
  const place = await scratch();
  const store = await writeStore(place, content);
  opened.push(store);
  return { place, store };
}

function batchFor({ maxTokens, maxRows }: BatchSource): HostBatch {
  return {
    rows: 0,
    tokens: new Int32Array(maxTokens),
    rowStart: new Int32Array(maxRows + 1),
    labels: new Int32Array(maxRows),
    targets: new Int32Array(maxTokens),
    features: [new Int32Array(maxTokens), new Int32Array(2 * maxTokens)],
    startsFresh: false,
  };
}

/** What counts of a batch; behind it arrays hold what lay there before. */
async function readBatch(source: BatchSource, step: number, rows: BatchOptions['rows']) {
  const batch = batchFor(source);
  await source.read(step, batch);
  const tokens = batch.rowStart[batch.rows]!;
  return {
    rows: batch.rows,
    startsFresh: batch.startsFresh,
    rowStart: [...batch.rowStart.subarray(0, batch.rows + 1)],
    tokens: [...batch.tokens.subarray(0, tokens)],
    features: batch.features!.map((each, i) => [...each.subarray(0, tokens * (i + 1))]),
    ...(rows === 'apart'
      ? { labels: [...batch.labels.subarray(0, batch.rows)] }
      : { targets: [...batch.targets.subarray(0, tokens)] }),
  };
}

describe.each([classify, languageModel])('batches of rows $rows that are read ahead', (options) => {
  it('are those that are read at once, wherever reading begins and jumps to', async () => {
    const { store } = await write();
    const direct = createBatches(store, options);
    const ahead = readAhead(store, options);
    expect(ahead).toMatchObject({
      stepsPerEpoch: direct.stepsPerEpoch,
      maxRows: direct.maxRows,
      maxTokens: direct.maxTokens,
      maxSteps: direct.maxSteps,
    });
    const first = await readBatch(ahead, 0, options.rows);
    expect(first).toEqual(await readBatch(direct, 0, options.rows));
    const stretches = fc.array(fc.tuple(fc.nat(500), fc.nat(40)), { minLength: 1, maxLength: 4 });
    await fc.assert(
      fc.asyncProperty(stretches, async (jumps) => {
        for (const [from, count] of jumps) {
          for (let step = from; step < from + count; step++) {
            const read = await readBatch(ahead, step, options.rows);
            expect(read).toEqual(await readBatch(direct, step, options.rows));
          }
        }
      }),
      { numRuns: tries(10) },
    );
  });
});

describe('reading ahead', () => {
  it('gives every batch that was read before the store was damaged, and then a clear error', async () => {
    const { place, store } = await write();
    const source = readAhead(store, classify);
    const batch = batchFor(source);
    await source.read(0, batch);
    await truncate(place.path('train.tokens'), 20);
    const readOn = async (): Promise<void> => {
      for (let step = 1; step < source.stepsPerEpoch; step++) await source.read(step, batch);
    };
    const error: unknown = await readOn().catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(UserError);
    expect((error as Error).message).toContain('train.tokens is damaged: it lacks bytes from');
    await expect(readOn()).rejects.toThrow(UserError);
  });

  it('ends when the store is closed, also while a batch is waited for', async () => {
    const { store } = await write();
    const source = readAhead(store, classify);
    opened.splice(0);
    const reading = source.read(0, batchFor(source)).then(
      () => 'read',
      (error: unknown) => (error as Error).message,
    );
    await store.close();
    expect(['read', 'the thread that reads batches ended']).toContain(await reading);
    await expect(source.read(50, batchFor(source))).rejects.toThrow('ended');
  });

  it('takes batches of a store in memory from there', async () => {
    const source = readAhead(storeOf(rows), classify);
    expect((await readBatch(source, 2, 'apart')).rows).toBe(7);
  });

  it('refuses a corpus that is too small before anything is read', async () => {
    const { store } = await write([[1, 2, 3]]);
    expect(() => readAhead(store, languageModel)).toThrow('has 3 tokens, too few');
  });
});
