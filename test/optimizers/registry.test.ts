import { describe, expect, it } from 'vitest';
import { checkOptimizer } from '../../src/optimizers/check.js';
import { createOptimizer, optimizers } from '../../src/optimizers/registry.js';

const options: Record<string, Record<string, unknown>[]> = {
  sgd: [{}, { momentum: 0.9 }, { momentum: 0.9, nesterov: true }],
  rmsprop: [{}, { momentum: 0.9 }, { centered: true }, { momentum: 0.9, centered: true }],
};
const variants = Object.values(optimizers).flatMap(({ kind }) =>
  (options[kind] ?? [{}]).map((each) => ({ kind, options: each })),
);

describe.each(variants)('$kind $options', ({ kind, options: given }) => {
  it.each([1, 2, 100_000])('has a number for every setting of its kernel in step %d', (step) => {
    const optimizer = createOptimizer(checkOptimizer(kind, given));
    const numbers = optimizer.settings(step, 0.01);
    expect(Object.keys(numbers).toSorted()).toEqual(optimizer.kernel.settings.toSorted());
    for (const number of Object.values(numbers)) expect(Number.isFinite(number)).toBe(true);
  });
});

it('each kind is found by its name', () => {
  for (const [name, { kind }] of Object.entries(optimizers)) expect(kind).toBe(name);
});
