import { describe, expect, it } from 'vitest';
import { compiled, reference, type Implementation } from './implementations.js';
import { differingBits, differingValues, Workbench, type Snapshot } from './workbench.js';

/** One call of a kernel, or a few, on buffers of its own. */
export interface KernelCase {
  name: string;
  /** Lays out the buffers, binds the kernel and returns what calls it. */
  prepare(bench: Workbench): () => void;
}

interface Outcome {
  before: Snapshot;
  after: Snapshot;
}

/** By case, and by the name of the implementation: cases of different kernels may have the same name. */
const outcomes = new WeakMap<KernelCase, Map<string, Outcome>>();
/** What each case's buffers hold before the call, the same for every implementation. */
const beginnings = new WeakMap<KernelCase, Snapshot>();

/** Runs a case, once for each implementation. */
export function outcomeOf(kernelCase: KernelCase, implementation: Implementation): Outcome {
  const known = outcomes.get(kernelCase) ?? new Map<string, Outcome>();
  outcomes.set(kernelCase, known);
  let outcome = known.get(implementation.name);
  if (!outcome) {
    const bench = new Workbench(implementation, beginnings.get(kernelCase));
    const call = kernelCase.prepare(bench);
    const before = bench.begin();
    beginnings.set(kernelCase, before);
    call();
    outcome = { before, after: bench.snapshot() };
    known.set(implementation.name, outcome);
  }
  return outcome;
}

/**
 * What every kernel promises: the oracle's results within the tolerances that the case states, nothing touched
 * beyond them, and the same bits from all variants that round alike.
 */
export function describeContract(
  kernel: string,
  cases: readonly KernelCase[],
  implementations: readonly Implementation[] = compiled,
): void {
  describe.each(implementations)(`${kernel}, $name`, (implementation) => {
    const { missing } = implementation;
    if (missing) {
      it.skip(`cannot run here: ${missing}`, () => undefined);
      return;
    }

    it.each(cases)('computes what the reference does: $name', (kernelCase) => {
      const { before, after } = outcomeOf(kernelCase, reference);
      const actual = outcomeOf(kernelCase, implementation).after;
      expect(differingValues(actual, after, before)).toBeUndefined();
      expect(differingBits(after, before), 'the case does nothing').toBeDefined();
    });
  });

  describe.each(['fma-float32', 'muladd-float32'] as const)(`${kernel}, %s`, (profile) => {
    const [first, ...others] = implementations.filter(
      (one) => one.missing === undefined && one.profile === profile,
    );
    if (!first || others.length === 0) {
      it.skip('cannot be compared here: fewer than two variants run', () => undefined);
      return;
    }
    it.each(cases)('has the same bits in every variant: $name', (kernelCase) => {
      const expected = outcomeOf(kernelCase, first).after;
      for (const other of others) {
        const actual = outcomeOf(kernelCase, other).after;
        expect(differingBits(actual, expected), other.name).toBeUndefined();
      }
    });
  });
}

/** Promises that two ways to make the same calls leave the same bits, in every implementation. */
export function itHasEqualBits(
  promise: string,
  one: KernelCase,
  other: KernelCase,
  implementations: readonly Implementation[] = compiled,
): void {
  for (const implementation of implementations) {
    const { name, missing } = implementation;
    if (missing) {
      it.skip(`${promise}: ${name} cannot run here: ${missing}`, () => undefined);
      continue;
    }
    it(`${promise}: ${name}`, () => {
      const [a, b] = [one, other].map((each) => outcomeOf(each, implementation).after);
      expect(differingBits(a!, b!)).toBeUndefined();
    });
  }
}
