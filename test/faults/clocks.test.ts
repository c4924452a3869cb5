import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { TrainEvent } from '../../src/events.js';
import { makeWorkplace } from '../e2e/corpus.js';
import { planDeaths } from './deaths.js';
import { trainSmall } from './small-run.js';
import { bundleModule, writeEntry } from './thread-module.js';
import { tries } from '../effort.js';

const cwd = makeWorkplace();
const deathsModule = bundleModule(cwd, 'deaths.js');
const STEPS = 16;

const schedule = fc.record({
  name: fc.constantFrom('classifier', 'language-model'),
  workers: fc.integer({ min: 1, max: 3 }),
  teams: fc.integer({ min: 1, max: 2 }),
  evaluateEvery: fc.integer({ min: 1, max: 9 }),
  checkpointEvery: fc.integer({ min: 1, max: 9 }),
  deaths: fc.integer({ min: 0, max: 4 }),
  stopAfter: fc.integer({ min: 1, max: STEPS - 1 }),
  seed: fc.nat({ max: 999 }),
} as const);

/** Entry of threads that die so often in a run. */
function writeMortalEntry(count: number, seed: number): string {
  const folder = mkdtempSync(join(cwd, 'deaths-'));
  const deaths = count === 0 ? [] : planDeaths(count, STEPS, (n) => seed % n);
  const call = `joinPlanned(${JSON.stringify(folder)}, ${JSON.stringify(deaths)})`;
  return writeEntry(join(folder, 'worker.mjs'), deathsModule, call);
}

it('the phases of every step add up to its duration through evaluations, checkpoints, deaths of workers and resumes', async () => {
  const property = fc.asyncProperty(schedule, async (plan) => {
    const runDir = mkdtempSync(join(cwd, 'run-'));
    const stop = new AbortController();
    const options = {
      runDir: join(runDir, 'run'),
      workerFile: writeMortalEntry(plan.deaths, plan.seed),
      set: [
        ...[`workers=${plan.workers}`, `teams=${Math.min(plan.teams, plan.workers)}`],
        ...[`train.maxSteps=${STEPS}`, `train.evaluateEverySteps=${plan.evaluateEvery}`],
        `train.checkpoint.everySteps=${plan.checkpointEvery}`,
      ],
    };
    const first = await trainSmall(cwd, plan.name, {
      ...options,
      signal: stop.signal,
      listener: (event) => {
        if (event.type === 'step' && event.step >= plan.stopAfter) stop.abort();
      },
    });
    const start = performance.now();
    const second = await trainSmall(cwd, plan.name, { ...options, resume: true });
    const seconds = (performance.now() - start) / 1000;
    expect([first.error, second.error]).toEqual([undefined, undefined]);
    const steps = [...first.events, ...second.events].filter((event) => event.type === 'step');
    expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: STEPS }, (_, i) => i + 1));
    for (const { phases, duration, busy } of steps) {
      const sum = Object.values(phases).reduce((total, value) => total + value, 0);
      expect(sum).toBeCloseTo(duration, 9);
      expect(busy).toBeGreaterThan(0);
      expect(busy).toBeLessThanOrEqual(1);
    }
    // Steps and evaluations come one after the other: none counts another's time as its own.
    expect(timed(second.events)).toBeLessThanOrEqual(seconds);
  });
  await fc.assert(property, { numRuns: tries(2), endOnFailure: true });
});

function timed(events: readonly TrainEvent[]): number {
  return events.reduce(
    (sum, event) =>
      event.type === 'step' || event.type === 'evaluation' ? sum + event.duration : sum,
    0,
  );
}
