import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BatchRows, type RowBatchOptions } from '../../../src/data/batches/batch-rows.js';
import { permute } from '../../../src/data/batches/order.js';
import { uniform } from '../../../src/tensor/random.js';
import { tries } from '../../effort.js';

/** Rows that have nothing but a length. */
function measured(lengths: ArrayLike<number>) {
  let reads = 0;
  return {
    rows: lengths.length,
    readLengths(rows: ArrayLike<number>, into: Int32Array): Promise<void> {
      reads += rows.length;
      for (let i = 0; i < rows.length; i++) into[i] = lengths[rows[i]!]!;
      return Promise.resolve();
    },
    lengthsRead: () => reads,
  };
}

const shuffled = (batchSize: number, bucketBatches: number, seed = 1): RowBatchOptions => ({
  batchSize,
  seed,
  shuffle: true,
  bucketBatches,
});

async function readSteps(batches: BatchRows, from: number, to: number): Promise<number[][]> {
  const all: number[][] = [];
  for (let step = from; step < to; step++) all.push([...(await batches.of(step))]);
  return all;
}

/** Lengths as natural texts have them: many short ones and a long tail (log-normal), cut at `longest`. */
function naturalLengths(rows: number, longest: number): Int32Array {
  return Int32Array.from({ length: rows }, (_, row) => {
    const [u, v] = [uniform(7, 0, 0, row), uniform(7, 0, 1, row)];
    const normal = Math.sqrt(-2 * Math.log(1 - u)) * Math.cos(2 * Math.PI * v);
    return Math.max(1, Math.min(longest, Math.round(Math.exp(4 + normal))));
  });
}

/** Share of a batch's rows × longest that no token stands in, over an epoch. */
async function measurePadding(lengths: Int32Array, options: RowBatchOptions): Promise<number> {
  const batches = new BatchRows(measured(lengths), options);
  let [positions, tokens] = [0, 0];
  for (const rows of await readSteps(batches, 0, batches.stepsPerEpoch)) {
    positions += rows.length * Math.max(...rows.map((row) => lengths[row]!));
    tokens += rows.reduce((sum, row) => sum + lengths[row]!, 0);
  }
  return 1 - tokens / positions;
}

const seeds = fc.integer({ min: 0, max: 0xffff_ffff });
const someLengths = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 120 });

describe('the rows of batches', () => {
  it('are every row of an epoch exactly once, whatever the seed, sizes, buckets and place to resume at', async () => {
    await fc.assert(
      fc.asyncProperty(
        someLengths,
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 9 }),
        seeds,
        fc.nat(3),
        fc.nat(),
        async (lengths, batchSize, bucketBatches, seed, epoch, place) => {
          const options = shuffled(batchSize, bucketBatches, seed);
          const { stepsPerEpoch } = new BatchRows(measured(lengths), options);
          const [first, end] = [epoch * stepsPerEpoch, (epoch + 1) * stepsPerEpoch];
          const resumeAt = first + (place % stepsPerEpoch);
          const before = await readSteps(
            new BatchRows(measured(lengths), options),
            first,
            resumeAt,
          );
          const after = await readSteps(new BatchRows(measured(lengths), options), resumeAt, end);
          const seen = [...before, ...after].flat();
          expect(seen.sort((a, b) => a - b)).toEqual(lengths.map((_, row) => row));
        },
      ),
      { numRuns: tries(200) },
    );
  });

  it('are full but for one batch an epoch', async () => {
    await fc.assert(
      fc.asyncProperty(
        someLengths,
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 9 }),
        seeds,
        async (lengths, batchSize, bucketBatches, seed) => {
          const batches = new BatchRows(
            measured(lengths),
            shuffled(batchSize, bucketBatches, seed),
          );
          const sizes = (await readSteps(batches, 0, batches.stepsPerEpoch)).map((b) => b.length);
          const odd = sizes.filter((size) => size !== batchSize);
          expect(odd).toEqual(lengths.length % batchSize === 0 ? [] : [lengths.length % batchSize]);
        },
      ),
    );
  });

  it('stay where chance puts them without buckets: no length is read', async () => {
    const store = measured(naturalLengths(100, 50));
    const batches = await readSteps(new BatchRows(store, shuffled(8, 1, 5)), 13, 26);
    const order = permute(100, 5, 1);
    expect(batches.flat()).toEqual(Array.from({ length: 100 }, (_, i) => order(i)));
    expect(store.lengthsRead()).toBe(0);
  });

  it('are, in buckets, those of a window of the epoch, of about one length each', async () => {
    const lengths = naturalLengths(300, 200);
    const batches = await readSteps(new BatchRows(measured(lengths), shuffled(10, 6, 5)), 6, 12);
    const order = permute(300, 5, 0);
    const window = Array.from({ length: 60 }, (_, i) => order(60 + i));
    expect(batches.flat().sort((a, b) => a - b)).toEqual(window.sort((a, b) => a - b));
    const bounds = batches.map((rows) => {
      const sorted = rows.map((row) => lengths[row]!);
      expect(sorted).toEqual(sorted.toSorted((a, b) => a - b));
      return [sorted[0]!, sorted.at(-1)!] as const;
    });
    const ascending = bounds.toSorted((a, b) => a[0] - b[0] || a[1] - b[1]);
    for (let i = 1; i < bounds.length; i++) {
      expect(ascending[i]![0]).toBeGreaterThanOrEqual(ascending[i - 1]![1]);
    }
    // The short ones first in every window would teach the model an order.
    expect(bounds).not.toEqual(ascending);
  });

  it('come in another order in every window, epoch and seed', async () => {
    const rows = Array.from({ length: 240 }, (_, i) => 1 + (i % 8));
    const orderOf = async (seed: number, epoch: number, window: number): Promise<number[]> => {
      const first = epoch * 24 + window * 8;
      const batches = new BatchRows(measured(rows), shuffled(10, 8, seed));
      return (await readSteps(batches, first, first + 8)).map((batch) => rows[batch[0]!]!);
    };
    const first = await orderOf(1, 0, 0);
    expect(await orderOf(1, 0, 1)).not.toEqual(first);
    expect(await orderOf(1, 1, 0)).not.toEqual(first);
    expect(await orderOf(2, 0, 0)).not.toEqual(first);
    expect(await orderOf(1, 0, 0)).toEqual(first);
  });

  it('leave, in buckets of 32 batches, less than a tenth of the positions to padding', async () => {
    const lengths = naturalLengths(20_000, 256);
    expect(await measurePadding(lengths, shuffled(32, 1))).toBeGreaterThan(0.5);
    expect(await measurePadding(lengths, shuffled(32, 32))).toBeLessThan(0.1);
  });

  it('are found by the lengths of one window', async () => {
    const store = measured(naturalLengths(5000, 256));
    const batches = new BatchRows(store, shuffled(10, 4));
    await batches.of(3 * 500 + 77);
    expect(store.lengthsRead()).toBe(40);
    await batches.of(3 * 500 + 78);
    expect(store.lengthsRead()).toBe(40);
  });
});
