import { expect, it } from 'vitest';
import {
  BENCH_CLIP_NORM,
  BENCH_OPTIMIZER,
  randomBatches,
  recurrent,
  sizesOf,
} from '../../src/bench/bench-cases.js';
import { allocateEngine } from '../../src/compute/allocate-engine.js';
import { BatchFeed } from '../../src/compute/batch-feed.js';
import { Engine } from '../../src/compute/engine.js';
import { createWorkerPool } from '../../src/compute/pool.js';
import type { StepEvent } from '../../src/events.js';
import { SLOT } from '../../src/model/sizes.js';
import { StepLoop } from '../../src/train/step-loop.js';
import { Updates } from '../../src/train/updates.js';

const benchCase = {
  ...{ name: 'small', vocabulary: 60, embedding: 32 },
  layers: recurrent('lstm', 64, 1),
  ...{ batch: 16, time: 12, classes: 0 },
};
/** More than follow each other at most. */
const STEPS = 250;
/** Threads read clocks that have been set apart from each other, by some microseconds. */
const CLOCKS_APART = 1e-4;

async function trainSteps(mayFollow: (step: number) => boolean) {
  const sizes = sizesOf(benchCase, { workers: 2, shards: 4, dropout: 0.1 });
  const handle = allocateEngine('wasm', sizes);
  const pool = createWorkerPool(handle, () => undefined);
  try {
    const engine = new Engine(handle, pool.runStage, pool.following);
    const feed = new BatchFeed(engine, randomBatches(benchCase), SLOT.training);
    const events: StepEvent[] = [];
    const config = { epochs: 1, optimizer: BENCH_OPTIMIZER, clipNorm: BENCH_CLIP_NORM };
    const hear = (event: { type: string }) => events.push(event as StepEvent);
    const loop = new StepLoop(engine, config, hear);
    await engine.initialize(1);
    const followed: number[] = [];
    const begin = performance.now();
    for (let step = 0; step < STEPS; step++) {
      if (engine.isAhead) followed.push(step);
      const follows = { mayFollow: () => mayFollow(step + 1) };
      await loop.step(feed, step, STEPS, new Updates(Infinity, 1), {}, follows);
    }
    const seconds = (performance.now() - begin) / 1000;
    expect(engine.isAhead).toBe(false);
    const weights = engine.plan.parameters.map(({ value }) => Array.from(engine.heap.flat(value)));
    return { events, followed, seconds, weights };
  } finally {
    await pool.close();
  }
}

it('steps that follow each other directly tell and come to the same as one by one, and their durations lie end to end', async () => {
  const [alone, direct] = [
    await trainSteps(() => false),
    await trainSteps((step) => step % 40 !== 0),
  ];
  expect(alone.followed).toEqual([]);
  expect(direct.followed.length).toBeGreaterThan(STEPS / 2);
  expect(direct.followed.filter((step) => step % 40 === 0)).toEqual([]);
  const told = (events: StepEvent[]) =>
    events.map(({ duration, phases, busy, ...others }) => [
      others,
      duration > 0,
      busy > 0,
      phases['head']! > 0,
    ]);
  expect(told(direct.events)).toEqual(told(alone.events));
  expect(direct.weights).toEqual(alone.weights);
  let sum = 0;
  for (const { duration, phases, busy } of direct.events) {
    const parts = Object.values(phases);
    expect(Math.min(...parts)).toBeGreaterThanOrEqual(0);
    expect(parts.reduce((all, value) => all + value, 0)).toBeGreaterThanOrEqual(duration - 1e-9);
    expect(parts.reduce((all, value) => all + value, 0)).toBeLessThan(duration + CLOCKS_APART);
    expect(busy * duration).toBeLessThan(duration + CLOCKS_APART);
    sum += duration;
  }
  expect(sum).toBeLessThan(direct.seconds + CLOCKS_APART * STEPS);
});
