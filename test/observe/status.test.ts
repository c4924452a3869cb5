import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { trackStatus } from '../../src/observe/status.js';
import { startEvent, stepEvent } from './events.js';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('follows a run from preparing to its end', () => {
  const status = trackStatus();
  expect(status.read()).toMatchObject({ state: 'preparing', curves: { train: [] } });
  status.observe(startEvent());
  for (let step = 1; step <= 20; step++) {
    vi.advanceTimersByTime(100);
    status.observe(stepEvent(step, { loss: 2 }));
  }
  status.observe({
    type: 'evaluation',
    step: 20,
    split: 'validation',
    loss: 1.5,
    accuracy: 0.5,
    targets: 10,
    duration: 1,
    best: true,
  });
  expect(status.read()).toMatchObject({
    state: 'training',
    run: { runDir: 'runs/tiny', backend: 'wasm', profile: 'fma', totalSteps: 100 },
    figures: { loss: 2, accuracy: 0.75, tokensPerSecond: 3200 },
    evaluation: { loss: 1.5 },
    phases: { gradient: 0.015 },
  });
  expect(status.read().curves.validation).toEqual([[20, 1.5]]);
  status.observe({ type: 'end', reason: 'stopped', step: 20, duration: 2, checkpoint: 'c' });
  expect(status.read()).toMatchObject({ state: 'stopped', figures: { step: 20 } });
});

test('shows the first step at once, however long the next one takes', () => {
  const status = trackStatus();
  status.observe(startEvent());
  status.observe(stepEvent(1));
  expect(status.read().figures).toMatchObject({ step: 1, loss: 1 });
});

test('a curve of any length stays within 512 points and keeps its shape', () => {
  const status = trackStatus();
  status.observe(startEvent({ totalSteps: 100_000 }));
  for (let step = 1; step <= 100_000; step++) {
    status.observe(stepEvent(step, { loss: step }));
  }
  const { train } = status.read().curves;
  expect(train.length).toBeGreaterThan(200);
  expect(train.length).toBeLessThan(512);
  const width = train[1]![0] - train[0]![0];
  for (const [step, loss] of train) {
    expect(loss).toBeCloseTo(step - (width - 1) / 2);
  }
});
