import fc from 'fast-check';
import { afterEach, expect, it, vi } from 'vitest';
import { SLOT } from '../../src/model/sizes.js';
import { BatchFeed } from '../../src/compute/batch-feed.js';
import {
  BENCH_CLIP_NORM,
  BENCH_OPTIMIZER,
  randomBatches,
  recurrent,
  sizesOf,
} from '../../src/bench/bench-cases.js';
import { Engine } from '../../src/compute/engine.js';
import { allocateEngine } from '../../src/compute/allocate-engine.js';
import { evaluate } from '../../src/train/evaluation.js';
import type { StepEvent } from '../../src/events.js';
import { createLocalRunner } from '../../src/compute/runner.js';
import { StepLoop } from '../../src/train/step-loop.js';
import { Updates } from '../../src/train/updates.js';
import { tries } from '../effort.js';

const benchCase = {
  ...{ name: 'tiny', vocabulary: 9, embedding: 4 },
  layers: recurrent('lstm', 4, 1),
  ...{ batch: 4, time: 3 },
};

afterEach(() => {
  vi.restoreAllMocks();
});

/** Has every look at the clock take some milliseconds, drawn from 0 to 6. */
function slowClock(seed: number): void {
  let [now, state] = [0, seed];
  vi.spyOn(performance, 'now').mockImplementation(() => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (now += (state >>> 16) % 7);
  });
}

/** What happens to a run, in any order. `reopen`: what a resume does, on the same memory. */
const happening = fc.constantFrom('step', 'step', 'evaluate', 'pack', 'pause', 'reopen');

const schedule = fc.record({
  happenings: fc.array(happening, { maxLength: 12 }),
  classes: fc.constantFrom(0, 3),
  workers: fc.integer({ min: 1, max: 3 }),
  teams: fc.integer({ min: 1, max: 3 }),
  seed: fc.nat(),
});

it('the phases of every step add up to its duration, and workers are busy for no more than that, whatever lies between the steps', async () => {
  const examine = async ({
    happenings,
    classes,
    workers,
    teams,
    seed,
  }: typeof schedule extends fc.Arbitrary<infer Value> ? Value : never): Promise<void> => {
    slowClock(seed);
    const sizes = sizesOf({ ...benchCase, classes }, { workers, teams, shards: 2, dropout: 0.1 });
    const handle = allocateEngine('wasm', sizes);
    const events: StepEvent[] = [];
    const batches = randomBatches({ ...benchCase, classes });
    const open = () => {
      const engine = new Engine(handle, createLocalRunner(handle));
      const feed = new BatchFeed(engine, batches, SLOT.training);
      const config = { epochs: 1, optimizer: BENCH_OPTIMIZER, clipNorm: BENCH_CLIP_NORM };
      const hear = (event: { type: string }) => events.push(event as StepEvent);
      return { engine, feed, loop: new StepLoop(engine, config, hear) };
    };
    const updates = new Updates(Infinity, 1);
    let run = open();
    await run.engine.initialize(1);
    let steps = 0;
    for (const what of [...happenings, 'step']) {
      if (what === 'step') await run.loop.step(run.feed, steps++, Infinity, updates);
      else if (what === 'evaluate') await evaluate(run.engine, { ...batches, stepsPerEpoch: 2 });
      else if (what === 'pack') await run.engine.packWeights();
      else if (what === 'pause') for (let i = 0; i < 100; i++) performance.now();
      else run = open();
    }
    expect(events).toHaveLength(steps);
    for (const { phases, duration, busy } of events) {
      const seconds = Object.values(phases);
      expect(Math.min(...seconds)).toBeGreaterThanOrEqual(0);
      expect(seconds.reduce((sum, value) => sum + value, 0)).toBeCloseTo(duration, 9);
      const { 'hand-over': handOver, 'waiting for data': waiting } = phases;
      expect(busy * duration).toBeCloseTo(duration - handOver! - waiting!, 9);
      expect(busy).toBeGreaterThan(0);
      expect(busy).toBeLessThanOrEqual(1 + 1e-9);
    }
  };
  await fc.assert(fc.asyncProperty(schedule, examine), { numRuns: tries(40) });
});
