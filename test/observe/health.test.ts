import { expect, it } from 'vitest';
import { describeStall, hasBegun, trackHealth } from '../../src/observe/health.js';
import { startEvent, stepEvent } from './events.js';

/** A run by a clock of seconds. */
function watch() {
  let seconds = 1000;
  const health = trackHealth(() => 1000 * seconds);
  return {
    health,
    wait: (more: number) => void (seconds += more),
    stall: () => describeStall(health.signs, 1000 * seconds),
  };
}

const evaluation = { type: 'evaluation', split: 'validation', loss: 1, targets: 1 } as const;

it('a run that makes no step for a minute, though steps are short, does not get on until it makes one', () => {
  const { health, wait, stall } = watch();
  health.observe(startEvent({ validationRows: 0 }));
  health.observe(stepEvent(1, { duration: 0.02 }));
  wait(60);
  expect(stall()).toBeUndefined();
  wait(15);
  expect(stall()).toBe(
    'The training has made no step, evaluation or checkpoint for 1 min 15 s, and 1 min 0 s is the most that one should take.',
  );
  // That is no step.
  health.observe({ type: 'notice', message: 'still here' });
  health.observe({ type: 'worker', kind: 'died', reason: 'exit' });
  expect(stall()).toBeDefined();
  health.observe(stepEvent(2, { duration: 75 }));
  expect(stall()).toBeUndefined();
});

it('long steps may be followed by ones twenty times as long, and evaluations and checkpoints by ones three times as long', () => {
  const { health, wait, stall } = watch();
  health.observe(startEvent({ validationRows: 0 }));
  health.observe(stepEvent(1, { duration: 10 }));
  wait(199);
  expect(stall()).toBeUndefined();
  wait(2);
  expect(stall()).toContain('3 min 20 s is the most');
  health.observe({ ...evaluation, step: 1, duration: 500, best: true });
  wait(1499);
  expect(stall()).toBeUndefined();
  wait(2);
  expect(stall()).toBeDefined();
  health.observe({ type: 'checkpoint', step: 1, path: 'c', bytes: 1, duration: 1000 });
  wait(2999);
  expect(stall()).toBeUndefined();
});

it('the first step may take as long as it takes', () => {
  const { health, wait, stall } = watch();
  health.observe(startEvent());
  wait(3600);
  expect(stall()).toBeUndefined();
});

it('a slow first step is forgotten', () => {
  const { health, wait, stall } = watch();
  health.observe(startEvent({ validationRows: 0 }));
  health.observe(stepEvent(1, { duration: 100 }));
  for (let step = 2; step < 600; step++) health.observe(stepEvent(step, { duration: 0.1 }));
  wait(61);
  expect(stall()).toBeDefined();
});

it('the first evaluation has the time of ten times the steps on as many tokens', () => {
  const { health, wait, stall } = watch();
  // 12,800 tokens in 1280 rows; 1,000 of them to validate on are 10,000 tokens.
  health.observe(startEvent({ validationRows: 1000 }));
  health.observe(stepEvent(1, { duration: 2, tokens: 100 }));
  wait(1999);
  expect(stall()).toBeUndefined();
  wait(2);
  expect(stall()).toBeDefined();
  health.observe({ ...evaluation, step: 1, duration: 5, best: true });
  health.observe(stepEvent(2, { duration: 2, tokens: 100 }));
  wait(61);
  expect(stall()).toBeDefined();
});

it('a run that prepares its data, or has ended, is well, and ready when training has begun', () => {
  const { health, wait, stall } = watch();
  expect(hasBegun(health.signs)).toBe(false);
  wait(1e6);
  expect(stall()).toBeUndefined();
  health.observe(startEvent());
  expect(hasBegun(health.signs)).toBe(true);
  health.observe(stepEvent(1));
  wait(1e6);
  expect(stall()).toBeDefined();
  health.observe({ type: 'end', reason: 'stopped', step: 1, duration: 1, checkpoint: 'c' });
  wait(1e6);
  expect(stall()).toBeUndefined();
  expect(hasBegun(health.signs)).toBe(true);
});
