import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type BatchSource,
  rowBatches,
  type HostBatch,
  streamBatches,
} from '../../../src/data/batches/batches.js';
import { UserError } from '../../../src/errors.js';
import { featuresOfAll, storeOf } from '../stores.js';

function batchFor({ maxTokens, maxRows }: BatchSource): HostBatch {
  return {
    rows: 0,
    tokens: new Int32Array(maxTokens).fill(-1),
    rowStart: new Int32Array(maxRows + 1).fill(-1),
    labels: new Int32Array(maxRows).fill(-1),
    targets: new Int32Array(maxTokens).fill(-1),
    features: [new Int32Array(maxTokens).fill(-1), new Int32Array(2 * maxTokens).fill(-1)],
    startsFresh: false,
  };
}

async function readEpoch(source: BatchSource, epoch: number): Promise<HostBatch[]> {
  const batches: HostBatch[] = [];
  for (let step = 0; step < source.stepsPerEpoch; step++) {
    const batch = batchFor(source);
    await source.read(epoch * source.stepsPerEpoch + step, batch);
    batches.push(batch);
  }
  return batches;
}

const rowsOf = ({ rows, rowStart, tokens }: HostBatch): number[][] =>
  Array.from({ length: rows }, (_, i) => [...tokens.subarray(rowStart[i], rowStart[i + 1])]);

/** Every token of a batch has its own features beside it, whatever its target is. */
function expectFeatures({ rows, rowStart, tokens, features }: HostBatch): void {
  const end = rowStart[rows]!;
  const read = features!.map((each, i) => Array.from(each.subarray(0, end * (i + 1))));
  expect(read).toEqual(featuresOfAll(tokens.subarray(0, end)));
}

const corpus = fc.array(fc.array(fc.nat(99), { minLength: 1, maxLength: 6 }), {
  minLength: 1,
  maxLength: 40,
});

describe('batches of rows', () => {
  it('hold every row of an epoch once, with its tokens and its label', async () => {
    await fc.assert(
      fc.asyncProperty(
        corpus,
        fc.integer({ min: 1, max: 9 }),
        fc.nat(5),
        fc.boolean(),
        async (rows, batchSize, epoch, shuffle) => {
          const source = rowBatches(storeOf(rows), {
            batchSize,
            seed: 3,
            shuffle,
            bucketBatches: 1,
          });
          const batches = await readEpoch(source, epoch);
          const labels = batches.flatMap((batch) => [...batch.labels.subarray(0, batch.rows)]);
          expect([...labels].sort((a, b) => a - b)).toEqual(rows.map((_, i) => 100 + i));
          expect(batches.flatMap(rowsOf)).toEqual(labels.map((label) => rows[label - 100]));
          for (const batch of batches) expect(batch.startsFresh).toBe(true);
          batches.forEach(expectFeatures);
        },
      ),
    );
  });

  it('come in another order in every epoch, and as stored without shuffling', async () => {
    const store = storeOf(Array.from({ length: 50 }, (_, i) => [i]));
    const options = { batchSize: 50, seed: 1, bucketBatches: 1 };
    const shuffled = rowBatches(store, { ...options, shuffle: true });
    const [first] = await readEpoch(shuffled, 0);
    const [second] = await readEpoch(shuffled, 1);
    expect(rowsOf(first!)).not.toEqual(rowsOf(second!));
    const plain = rowBatches(store, { ...options, shuffle: false });
    const [stored] = await readEpoch(plain, 1);
    expect(rowsOf(stored!).flat()).toEqual(Array.from({ length: 50 }, (_, i) => i));
  });
});

describe('batches of a stream', () => {
  const store = storeOf([Array.from({ length: 14 }, (_, i) => i), [14, 15, 16, 17]]);

  it('cut it into rows that go on from batch to batch, with the next token as target', async () => {
    const source = streamBatches(store, { batchSize: 3, sequenceLength: 2 });
    expect(source).toMatchObject({ stepsPerEpoch: 3, maxTokens: 6, maxRows: 3 });
    const batches = await readEpoch(source, 2);
    expect(batches.map(rowsOf)).toEqual([
      [[0], [5], [10]],
      [
        [1, 2],
        [6, 7],
        [11, 12],
      ],
      [
        [3, 4],
        [8, 9],
        [13, 14],
      ],
    ]);
    expect(batches.map(({ startsFresh }) => startsFresh)).toEqual([true, false, false]);
  });

  it('give each token its successor, and its own features', async () => {
    const sizes = fc.integer({ min: 1, max: 8 });
    await fc.assert(
      fc.asyncProperty(sizes, sizes, async (batchSize, sequenceLength) => {
        const source = streamBatches(store, { batchSize, sequenceLength });
        let seen = 0;
        for (const batch of await readEpoch(source, 0)) {
          const count = batch.rowStart[batch.rows]!;
          for (let i = 0; i < count; i++) expect(batch.targets[i]).toBe(batch.tokens[i]! + 1);
          expectFeatures(batch);
          seen += count;
        }
        expect(seen).toBe(Math.floor(17 / batchSize) * batchSize);
      }),
    );
  });

  it('as a whole have every token but the first as a target once, in rows that go on', async () => {
    const size = fc.integer({ min: 1, max: 9 });
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 70 }), size, size, async (tokens, rows, steps) => {
        const batchSize = Math.min(rows, tokens - 1);
        const numbered = storeOf([Array.from({ length: tokens }, (_, i) => i)]);
        const options = { batchSize, sequenceLength: steps, whole: true };
        const source = streamBatches(numbered, options);
        const streams: number[][] = [];
        for (const batch of await readEpoch(source, 1)) {
          expect(batch.rowStart[batch.rows]).toBeLessThanOrEqual(source.maxTokens);
          const targets = rowsOf({ ...batch, tokens: batch.targets });
          rowsOf(batch).forEach((row, i) => {
            expect(targets[i]).toEqual(row.map((token) => token + 1));
            (streams[i] ??= []).push(...row);
          });
        }
        expect(streams.flat()).toEqual(Array.from({ length: tokens - 1 }, (_, i) => i));
      }),
    );
  });

  it('are refused when the corpus is too short', () => {
    const make = () => streamBatches(store, { batchSize: 18, sequenceLength: 2 });
    expect(make).toThrow(UserError);
    expect(make).toThrow('has 18 tokens, too few for train.batchSize 18: expected at least 19.');
    expect(streamBatches(store, { batchSize: 17, sequenceLength: 9 }).stepsPerEpoch).toBe(1);
    const evaluated = storeOf([[0]]);
    const evaluate = { batchSize: 1, sequenceLength: 9, whole: true };
    expect(() => streamBatches(evaluated, evaluate)).toThrow(
      'The text to evaluate (data.validation, or what --data names) has 1 token: expected at least 2',
    );
  });
});
