import { getHeapStatistics, setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';
import { chooseBackend } from '../../src/backend/select.js';
import { SLOT } from '../../src/model/sizes.js';
import { BatchFeed } from '../../src/compute/batch-feed.js';
import {
  BENCH_CLIP_NORM,
  BENCH_OPTIMIZER,
  randomBatches,
  recurrent,
  sizesOf,
  type BenchCase,
} from '../../src/bench/bench-cases.js';
import { Engine } from '../../src/compute/engine.js';
import { allocateEngine } from '../../src/compute/allocate-engine.js';
import { describeStack, type Stack } from '../../src/model/graph/stack.js';
import type { NetworkShape } from '../../src/model/graph/shape.js';
import { createWorkerPool } from '../../src/compute/pool.js';
import { createLocalRunner } from '../../src/compute/runner.js';
import { StepLoop } from '../../src/train/step-loop.js';
import { Updates } from '../../src/train/updates.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const small: BenchCase = {
  name: 'small',
  vocabulary: 40,
  embedding: 16,
  layers: recurrent('lstm', 16, 2),
  batch: 8,
  time: 6,
  classes: 0,
};
const large: BenchCase = {
  ...small,
  name: 'large',
  layers: recurrent('lstm', 32, 2),
  batch: 32,
  time: 24,
};

/** Calls `measure` with a function that runs so many steps of the real loop. */
async function withLoop(
  benchCase: BenchCase,
  where: 'local' | 'pool',
  measure: (run: (steps: number) => Promise<void>) => Promise<void>,
  attention?: Stack['attention'],
): Promise<void> {
  const { shape, ...others } = sizesOf(benchCase, { workers: 2, shards: 4, dropout: 0.2 });
  const { vocabulary, embedding, layers } = benchCase;
  const attending = (): NetworkShape =>
    describeStack({
      ...{
        vocabulary,
        embedding: { width: embedding },
        layers,
        dropout: 0.2,
        attention: attention!,
      },
      ...{ predicts: 'token', outputs: vocabulary },
    });
  const sizes = { ...others, shape: attention ? attending() : shape };
  const handle = allocateEngine(chooseBackend('auto').kind, sizes);
  const pool = where === 'pool' ? createWorkerPool(handle, () => undefined) : undefined;
  try {
    const engine = new Engine(handle, pool?.runStage ?? createLocalRunner(handle), pool?.following);
    await engine.initialize(1);
    const feed = new BatchFeed(engine, randomBatches(benchCase), SLOT.training);
    const config = { epochs: 1, optimizer: BENCH_OPTIMIZER, clipNorm: BENCH_CLIP_NORM };
    const loop = new StepLoop(engine, config, () => undefined);
    const updates = new Updates(Infinity, 1);
    let step = 0;
    const run = async (steps: number): Promise<void> => {
      for (const end = step + steps; step < end; step++) {
        const mayFollow = (): boolean => step + 1 < end;
        await loop.step(feed, step, Infinity, updates, {}, { mayFollow });
      }
    };
    await measure(run);
  } finally {
    await pool?.close();
  }
}

/** Bytes that are still in use when everything else has been given back. */
function usedBytes(): number {
  collectGarbage();
  collectGarbage();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

/**
 * Bytes that one step allocates on this thread: objects, and array buffers beside them. Medians of short stretches, hardly
 * any of which meets the collector.
 */
async function allocatedBytes(
  run: (steps: number) => Promise<void>,
): Promise<{ objects: number; buffers: number }> {
  const steps = 10;
  const objects: number[] = [];
  const buffers: number[] = [];
  for (let stretch = 0; stretch < 41; stretch++) {
    const before = { heap: getHeapStatistics(), memory: process.memoryUsage() };
    await run(steps);
    const after = { heap: getHeapStatistics(), memory: process.memoryUsage() };
    objects.push((after.heap.used_heap_size - before.heap.used_heap_size) / steps);
    buffers.push((after.memory.arrayBuffers - before.memory.arrayBuffers) / steps);
  }
  return { objects: median(objects), buffers: median(buffers) };
}

function median(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!;
}

describe.each(['local', 'pool'] as const)('training steps, %s workers', (where) => {
  it('leave nothing behind in memory', async () => {
    await withLoop(small, where, async (run) => {
      // By then compilers have compiled what they will compile.
      await run(2000);
      const steps = 1000;
      let growth = Infinity;
      // What the process keeps now and then is not in every stretch; what steps keep is.
      for (let stretch = 0; stretch < 8 && growth >= 24; stretch++) {
        const before = usedBytes();
        await run(steps);
        growth = (usedBytes() - before) / steps;
      }
      expect(growth).toBeLessThan(24);
    });
  });

  it('allocate the few objects of a message and an event, no buffers, and no more for larger models', async () => {
    const allocated: Record<string, number> = {};
    for (const benchCase of [small, large]) {
      await withLoop(benchCase, where, async (run) => {
        await run(300);
        const { objects, buffers } = await allocatedBytes(run);
        expect(buffers).toBe(0);
        allocated[benchCase.name] = objects;
      });
    }
    // Measured, by how soon a version of V8 compiles what: 26 to 38 kB with the work of both workers on this thread, 32 to 39 kB with messages to a pool.
    expect(allocated['small']).toBeLessThan(45_000);
    // 720 tokens more: not even one number for each of them.
    expect(allocated['large']).toBeLessThan(allocated['small']! + 5000);
  });
});

it('steps that look back allocate no more for more rows, each of which brings what it remembers', async () => {
  const allocated: number[] = [];
  for (const batch of [8, 64]) {
    const rows = { ...small, batch };
    await withLoop(
      rows,
      'local',
      async (run) => {
        await run(300);
        allocated.push((await allocatedBytes(run)).objects);
      },
      { kind: 'dot', heads: 1, span: 5 },
    );
  }
  expect(allocated[1]).toBeLessThan(allocated[0]! + 5000);
});
