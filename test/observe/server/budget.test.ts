import fc from 'fast-check';
import { expect, test } from 'vitest';
import { WorkBudget } from '../../../src/observe/server/budget.js';

test('whatever a thread is asked to do, it computes for its share of the time and what it has saved up', () => {
  const work = fc.record({ pause: fc.nat({ max: 300 }), work: fc.nat({ max: 20 }) });
  fc.assert(
    fc.property(fc.array(work, { minLength: 1, maxLength: 200 }), (days) => {
      let [now, computed] = [0, 0];
      const clock = { now: () => now, computed: () => computed };
      const budget = new WorkBudget(0.1, 50, clock, (milliseconds) => (now += milliseconds));
      for (const day of days) {
        now += day.pause + day.work;
        computed += day.work;
        budget.spend();
        expect(computed).toBeLessThanOrEqual(0.1 * now + 50 + 1e-6);
      }
    }),
  );
});

test('what is left tells what can wait to wait', () => {
  let [now, computed] = [0, 0];
  const clock = { now: () => now, computed: () => computed };
  const budget = new WorkBudget(0.1, 100, clock, () => expect.unreachable());
  expect([budget.hasMoreThan(0.5), budget.hasMoreThan(0.75)]).toEqual([true, true]);
  computed = 40;
  budget.spend();
  expect([budget.hasMoreThan(0.5), budget.hasMoreThan(0.75)]).toEqual([true, false]);
  computed = 60;
  budget.spend();
  expect([budget.hasMoreThan(0.5), budget.hasMoreThan(0.75)]).toEqual([false, false]);
  now = 200;
  expect([budget.hasMoreThan(0.5), budget.hasMoreThan(0.75)]).toEqual([true, false]);
});

test('within the budget it never sleeps', () => {
  let [now, computed] = [0, 0];
  const clock = { now: () => now, computed: () => computed };
  const budget = new WorkBudget(0.1, 50, clock, () => expect.unreachable());
  for (let i = 0; i < 1000; i++) {
    now += 100;
    computed += 10;
    budget.spend();
  }
});

test('the time that a thread has computed for is told from the time that has gone by', async () => {
  const slept: number[] = [];
  // So small a share that whatever this thread gets of a busy machine is more.
  const budget = new WorkBudget(0.01, 0, undefined, (milliseconds) => slept.push(milliseconds));
  await new Promise((resolve) => setTimeout(resolve, 30));
  budget.spend();
  slept.length = 0;
  const { user } = process.cpuUsage();
  while (process.cpuUsage().user - user < 60_000);
  budget.spend();
  if (process.platform === 'linux') expect(slept[0]).toBeGreaterThan(0);
});
