import { expect, test } from 'vitest';
import { isBetterResult } from '../src/measures.js';

test.each([
  ['f1', { f1: 0.5, loss: 2 }, { f1: 0.4, loss: 1 }, true],
  ['f1', { f1: 0.4, loss: 1 }, { f1: 0.4, loss: 2 }, false],
  // Before anything is told the loss falls for many evaluations, which are no plateau.
  ['f1', { f1: 0, loss: 1 }, { f1: 0, loss: 2 }, true],
  ['f1', { f1: 0, loss: 2 }, { f1: 0, loss: 2 }, false],
  ['f1', { f1: 0, loss: 1 }, { f1: 0.1, loss: 2 }, false],
  ['f1', { f1: 0, loss: 9 }, undefined, true],
  ['f1', { loss: 1 }, { f1: 0, loss: 2 }, false],
  ['mse', { mse: 0, loss: 0 }, { mse: 0, loss: 1 }, false],
] as const)('by %s %j against %j is better: %s', (measure, result, than, isBetter) => {
  expect(isBetterResult(measure, result, than)).toBe(isBetter);
});
