import { expect, test } from 'vitest';
import { Admission } from '../../src/serve/admission.js';

const demand = { texts: 2, bytes: 100 };
const open = (timeoutMs = 1000) => new Admission({ texts: 2, bytes: 100 }, timeoutMs);

test('work keeps its place until it is done, and no longer, however it ends', async () => {
  const admission = open();
  const ways: [() => Promise<string>, string | Error][] = [
    [() => Promise.resolve('done'), 'done'],
    [() => Promise.reject(new Error('rejected')), new Error('rejected')],
    [
      () => {
        throw new Error('thrown before there was a promise');
      },
      new Error('thrown before there was a promise'),
    ],
  ];
  for (const [work, outcome] of ways) {
    const running = admission.run(demand, work);
    if (outcome instanceof Error) await expect(running).rejects.toThrow(outcome.message);
    else expect(await running).toBe(outcome);
    expect([admission.texts, admission.bytes]).toEqual([0, 0]);
  }
});

test('work that is late keeps its place, and others are refused until it is done', async () => {
  const admission = open(1);
  let finish = (): void => undefined;
  const late = admission.run(demand, () => new Promise<void>((resolve) => (finish = resolve)));
  await expect(late).rejects.toThrow('there was no answer within 0.001 s');
  await expect(admission.run(demand, () => Promise.resolve())).rejects.toThrow('all 2 places');
  finish();
  await expect.poll(() => admission.texts).toBe(0);
  expect(await admission.run(demand, () => Promise.resolve(7))).toBe(7);
});
