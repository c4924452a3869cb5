import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { BatchFeed } from '../../src/compute/batch-feed.js';
import type { Engine } from '../../src/compute/engine.js';
import type { StepResult } from '../../src/model/batch/step-results.js';
import type { StepSettings } from '../../src/compute/step-settings.js';
import type { StepEvent } from '../../src/events.js';
import { StepLoop } from '../../src/train/step-loop.js';
import { Updates } from '../../src/train/updates.js';

it('updates take every batch once, in order, and none of two epochs', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 20 }),
      fc.integer({ min: 1, max: 9 }),
      (batches, accumulate) => {
        const updates = new Updates(batches, accumulate);
        const taken = Array.from({ length: 3 * updates.perEpoch }, (_, step) => {
          const { first, count } = updates.batchesOf(step);
          expect(Math.floor(first / batches)).toBe(Math.floor(step / updates.perEpoch));
          expect(count === accumulate || (first + count) % batches === 0).toBe(true);
          return Array.from({ length: count }, (_, i) => first + i);
        }).flat();
        expect(taken).toEqual(Array.from({ length: 3 * batches }, (_, batch) => batch));
      },
    ),
  );
});

/** By an eighth of its first rate after each of 8 updates, two in each of 4 epochs. */
const falling = { learningRate: 0.8, schedule: { kind: 'linear', warmupSteps: 0 } } as const;

it('a step of several batches tells of all of them together, and one bad batch spoils it', async () => {
  for (const bad of [-1, 0, 1, 2]) {
    const given: StepSettings[] = [];
    const prefetched: number[] = [];
    const engine = {
      handle: { sizes: { parts: 1 } },
      plan: { loss: { compares: 'ids' } },
      readClocks: () => ({}),
      divisorOf: (slot: number) => 10 + slot,
      trainStep(slot: number, _: number, settings: StepSettings, meanwhile: () => void) {
        meanwhile();
        const divisor = 10 + slot;
        const applied = given.length !== bad;
        given.push(settings);
        const sums = { crossEntropySum: 1, squaredErrorSum: 0, correct: 3, targets: 6, rows: 2 };
        return Promise.resolve({ lossSum: 22, divisor, ...sums, tokens: 7, gradNorm: 1, applied });
      },
    } as unknown as Engine;
    const feed = {
      take: (batch: number) => Promise.resolve(batch),
      prefetch: (batch: number) => prefetched.push(batch),
    } as unknown as BatchFeed;
    const events: StepEvent[] = [];
    const watched: [boolean, number][] = [];
    const loop = new StepLoop(
      engine,
      { epochs: 4, optimizer: falling, clipNorm: 1, accumulate: 3 },
      (event) => event.type === 'step' && events.push(event),
    );
    const watch = (result: StepResult, batch: number): Promise<void> => {
      watched.push([result.applied, batch]);
      return Promise.resolve();
    };
    const { applied } = await loop.step(feed, 1, 2, new Updates(6, 3), {}, { watch });
    expect(applied).toBe(bad < 0);
    expect(events).toMatchObject([{ step: 2, loss: 66 / 42, accuracy: 0.5, rows: 6, tokens: 21 }]);
    // Schedules count updates, whatever an update has of batches.
    for (const { learningRate } of [...given, ...events]) expect(learningRate).toBeCloseTo(0.7, 6);
    expect(watched.map(([, batch]) => batch)).toEqual([3, 4, 5]);
    expect(prefetched).toEqual([4, 5]);
    expect(given.map(({ accumulation }) => accumulation)).toEqual([
      { batch: 4, share: 1, ends: false },
      { batch: 5, share: bad === 0 ? NaN : 14 / 27, ends: false },
      { batch: 6, share: bad === 0 || bad === 1 ? NaN : 15 / 42, ends: true },
    ]);
  }
});
