import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { BatchRows } from '../../../src/data/batches/batch-rows.js';
import {
  type BatchSource,
  type HostBatch,
  streamBatches,
} from '../../../src/data/batches/batches.js';
import { Mixture, type Share } from '../../../src/data/batches/mixture.js';
import { storeOf } from '../stores.js';
import { tries } from '../../effort.js';

const shares = fc.array(
  fc.record({
    size: fc.nat(30),
    weight: fc.oneof(
      fc.constantFrom(0.1, 0.25, 0.5, 1, 1.5, 2, 3),
      fc.double({ min: 0.01, max: 4, noNaN: true }),
    ),
  }),
  { minLength: 1, maxLength: 5 },
);
const seeds = fc.integer({ min: 0, max: 0xffff_ffff });
const epochs = fc.nat(50);

/** How often each item is drawn in an epoch. */
function countItems(parts: readonly Share[], seed: number, epoch: number): number[] {
  const mixture = new Mixture(parts, seed);
  const counts = Array<number>(parts.reduce((sum, { size }) => sum + size, 0)).fill(0);
  for (let index = 0; index < mixture.size; index++) counts[mixture.draw(index, epoch)]!++;
  return counts;
}

/** The weight of each item. */
const weightsOf = (parts: readonly Share[]): number[] =>
  parts.flatMap(({ size, weight }) => Array<number>(size).fill(weight));

describe('sources with weights', () => {
  it('show every item as often as the weight, rounded down or up, in every epoch', () => {
    fc.assert(
      fc.property(shares, seeds, epochs, (parts, seed, epoch) => {
        const weights = weightsOf(parts);
        countItems(parts, seed, epoch).forEach((count, item) => {
          expect(count).toBeGreaterThanOrEqual(Math.floor(weights[item]!));
          expect(count).toBeLessThanOrEqual(Math.ceil(weights[item]!));
        });
      }),
      { numRuns: tries(150) },
    );
  });

  it('show half of their rows in one epoch and the other half in the next', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), seeds, epochs, (half, seed, epoch) => {
        const parts = [
          { size: 7, weight: 1 },
          { size: 2 * half, weight: 0.5 },
        ];
        const first = countItems(parts, seed, epoch);
        const second = countItems(parts, seed, epoch + 1);
        expect(first.reduce((a, b) => a + b)).toBe(7 + half);
        first.forEach((count, item) => expect(count + second[item]!).toBe(item < 7 ? 2 : 1));
      }),
    );
  });

  it('show all of a source before they show a part of it again', () => {
    const parts = [{ size: 40, weight: 0.25 }];
    const epochsOf = [0, 1, 2, 3].map((epoch) => countItems(parts, 1, epoch));
    for (let item = 0; item < 40; item++) {
      expect(epochsOf.reduce((sum, counts) => sum + counts[item]!, 0)).toBe(1);
    }
    // Another seed makes other parts; a part is no stretch of the file.
    expect(countItems(parts, 2, 0)).not.toEqual(epochsOf[0]);
    expect(epochsOf[0]!.join('')).not.toContain('1'.repeat(10));
  });

  it('join neighbours of the same weight: half of many small files is half of their rows', () => {
    const files = Array.from({ length: 100 }, () => ({ size: 1, weight: 0.5 }));
    expect(new Mixture(files, 1).size).toBe(50);
    expect(new Mixture([{ size: 1, weight: 0.001 }], 1).size).toBe(1);
  });

  it('change nothing when all weights are 1', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(9), { maxLength: 6 }), seeds, epochs, (sizes, seed, epoch) => {
        const mixture = new Mixture(
          sizes.map((size) => ({ size, weight: 1 })),
          seed,
        );
        const total = sizes.reduce((sum, size) => sum + size, 0);
        expect(mixture.size).toBe(total);
        for (let i = 0; i < total; i++) {
          expect(mixture.draw(i, epoch)).toBe(i);
          expect(mixture.stretch(i, epoch)).toEqual({ start: i, count: total - i });
        }
      }),
    );
  });

  it('give stretches that tile an epoch and lie within their share', () => {
    fc.assert(
      fc.property(shares, epochs, (parts, epoch) => {
        const mixture = new Mixture(parts, 0);
        const weights = weightsOf(parts);
        const counts = weights.map(() => 0);
        for (let index = 0; index < mixture.size;) {
          const { start, count } = mixture.stretch(index, epoch);
          expect(count).toBeGreaterThan(0);
          for (let item = start; item < start + count; item++) counts[item]!++;
          if (count > 1) {
            const inside = mixture.stretch(index + 1, epoch);
            expect(inside).toEqual({ start: start + 1, count: count - 1 });
          }
          index += count;
        }
        counts.forEach((count, item) => {
          expect(count).toBeGreaterThanOrEqual(Math.floor(weights[item]!));
          expect(count).toBeLessThanOrEqual(Math.ceil(weights[item]!));
        });
      }),
    );
  });
});

describe('batches of sources with weights', () => {
  it('hold the rows of an epoch as often as the weights say, in buckets and across a resume', async () => {
    const lengths = Array.from({ length: 30 }, (_, i) => 1 + ((i * 7) % 11));
    const store = {
      rows: 30,
      readLengths: (rows: ArrayLike<number>, into: Int32Array) => {
        for (let i = 0; i < rows.length; i++) into[i] = lengths[rows[i]!]!;
        return Promise.resolve();
      },
    };
    const options = {
      ...{ batchSize: 4, seed: 9, shuffle: true, bucketBatches: 3 },
      shares: [
        { size: 10, weight: 2 },
        { size: 8, weight: 1 },
        { size: 12, weight: 0.5 },
      ],
    };
    const { stepsPerEpoch, rowsPerEpoch } = new BatchRows(store, options);
    expect(rowsPerEpoch).toBe(20 + 8 + 6);
    const counts = Array<number>(30).fill(0);
    for (let step = 2 * stepsPerEpoch; step < 4 * stepsPerEpoch; step++) {
      // A run that is resumed at every step.
      for (const row of await new BatchRows(store, options).of(step)) counts[row]!++;
    }
    expect(counts).toEqual(lengths.map((_, row) => (row < 10 ? 4 : row < 18 ? 2 : 1)));
  });

  it('read a text twice, or the half of it whose turn it is', async () => {
    const text = (first: number, count: number) =>
      Array.from({ length: count }, (_, i) => first + i);
    const store = storeOf([text(0, 5), text(100, 8)]);
    const source = streamBatches(store, {
      ...{ batchSize: 2, sequenceLength: 3 },
      shares: [
        { size: 5, weight: 2 },
        { size: 8, weight: 0.5 },
      ],
    });
    const [a, b] = [text(0, 5), text(100, 8)];
    const streams = [
      [...a, ...a, ...b.slice(0, 4)],
      [...a, ...a, ...b.slice(4)],
      [...a, ...a, ...b.slice(0, 4)],
    ];
    // 14 tokens: 2 streams of 6, in 2 pieces of 3.
    expect(source).toMatchObject({ stepsPerEpoch: 2, maxTokens: 6 });
    for (const [epoch, stream] of streams.entries()) {
      const batches = [
        await readBatch(source, 2 * epoch),
        await readBatch(source, 2 * epoch + 1),
      ] as const;
      const tokensOf = (row: number) =>
        batches.flatMap(({ tokens }) => [...tokens.subarray(3 * row, 3 * row + 3)]);
      const targetsOf = (row: number) =>
        batches.flatMap(({ targets }) => [...targets.subarray(3 * row, 3 * row + 3)]);
      expect([tokensOf(0), tokensOf(1)]).toEqual([stream.slice(0, 6), stream.slice(6, 12)]);
      expect([targetsOf(0), targetsOf(1)]).toEqual([stream.slice(1, 7), stream.slice(7, 13)]);
    }
  });
});

async function readBatch(source: BatchSource, step: number): Promise<HostBatch> {
  const batch: HostBatch = {
    rows: 0,
    tokens: new Int32Array(source.maxTokens),
    rowStart: new Int32Array(source.maxRows + 1),
    labels: new Int32Array(source.maxRows),
    targets: new Int32Array(source.maxTokens),
    startsFresh: false,
  };
  await source.read(step, batch);
  return batch;
}
