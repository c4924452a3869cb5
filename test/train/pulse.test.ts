import { join } from 'node:path';
import { expect, it } from 'vitest';
import type { ResourcesEvent, StepEvent, TimelineEvent, TrainEvent } from '../../src/events.js';
import { makeWorkplace } from '../e2e/corpus.js';
import { trainSmall } from '../faults/small-run.js';

const cwd = makeWorkplace();

it('a run tells now and then what its workers did in a step, phase after phase within its time, and what it takes of the machine', async () => {
  const stop = new AbortController();
  let step: StepEvent | undefined;
  let told: { timeline: TimelineEvent; step: StepEvent } | undefined;
  let resources: ResourcesEvent | undefined;
  const listener = (event: TrainEvent): void => {
    if (event.type === 'step') step = event;
    if (event.type === 'timeline') told = { timeline: event, step: step! };
    if (event.type !== 'resources') return;
    resources = event;
    stop.abort();
  };
  await trainSmall(cwd, 'classifier', {
    ...{ runDir: join(cwd, 'run'), signal: stop.signal, listener },
    set: [
      ...['workers=2', 'train.maxSteps=1000000', 'train.epochs=1000000'],
      'train.checkpoint.everySteps=100000',
    ],
  });
  const { timeline, step: last } = told!;
  expect(timeline.step).toBe(last.step);
  expect(timeline.workers).toHaveLength(2);
  for (const phases of timeline.workers) {
    expect(phases.map(({ phase }) => phase)).toEqual([
      ...['prepare', 'train', 'gradients', 'distinct-gradients', 'update'],
    ]);
    const moments = phases.flatMap(({ begin, end }) => [begin, end]);
    expect(moments).toEqual(moments.toSorted((a, b) => a - b));
    expect(moments[0]).toBeGreaterThanOrEqual(0);
    expect(moments.at(-1)).toBeLessThanOrEqual(last.duration + 0.1);
    // Most of a step's time: the moments are of this step, not of one before.
    expect(moments.at(-1)! - moments[0]!).toBeGreaterThan(0);
  }
  // Who has finished a phase waits for the others.
  const ends = timeline.workers.map((phases) => phases[0]!.end);
  const begins = timeline.workers.map((phases) => phases[1]!.begin);
  expect(Math.min(...begins)).toBeGreaterThanOrEqual(Math.max(...ends) - 1e-4);
  expect(resources!.step).toBe(timeline.step);
  expect(resources!.cpuSeconds).toBeGreaterThan(0.1);
  expect(resources!.residentBytes).toBeGreaterThan(resources!.heapBytes);
});
