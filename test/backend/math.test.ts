import { describe, expect, it } from 'vitest';
import { evaluate as evaluateKernel } from '../../src/backend/kernels/probe.js';
import { outcomeOf, type KernelCase } from './contract.js';
import { compiled, runnable } from './implementations.js';
import { differingBits, floatsOf } from './workbench.js';

type Name = 'exp' | 'sigmoid' | 'tanh' | 'log1p';

/** The functions in float64, and where errors are counted: beyond, arguments are taken to the border. */
const exact: Record<Name, { evaluate: (x: number) => number; from: number; to: number }> = {
  exp: { evaluate: Math.exp, from: -87, to: 88 },
  sigmoid: { evaluate: (x) => 1 / (1 + Math.exp(-x)), from: -87, to: Infinity },
  tanh: { evaluate: Math.tanh, from: -Infinity, to: Infinity },
  log1p: { evaluate: Math.log1p, from: 0, to: 1 },
};
/** As kernels/math.h states. */
const promisedUlp: Record<Name, number> = { exp: 1.1, sigmoid: 2.5, tanh: 2.5, log1p: 2.5 };
const names: Name[] = ['exp', 'sigmoid', 'tanh', 'log1p'];

/** Bits of ∞: those of the positive floats lie below, in their order. */
const INFINITE = 0x7f80_0000;

/** Every float of a coarse net over all exponents, and of a fine one where the functions bend, of both signs. */
function sweep(): Float32Array {
  const bits: number[] = [];
  for (let word = 0; word < INFINITE; word += 65_537) bits.push(word);
  // 2⁻³¹ to 88.
  for (let word = 0x3000_0000; word <= 0x42b0_0000; word += 3989) bits.push(word);
  const both = Uint32Array.from([...bits, ...bits.map((word) => word + 0x8000_0000)]);
  return new Float32Array(both.buffer, 0, both.length - (both.length % 16));
}

const swept = sweep();
const special = new Float32Array(16).fill(NaN);
special.set([Infinity, -Infinity, 0, -0, 1e30, -1e30]);

function evaluation(name: Name, what: string, arguments_: Float32Array): KernelCase {
  const count = arguments_.length;
  return {
    name: `${name} of ${what}`,
    prepare(bench) {
      const input = bench.tensor('input', [count], (i) => arguments_[i]!);
      const out = bench.tensor('out', [count]);
      const call = bench.backend.bind(evaluateKernel, { function: name, input, out });
      return () => call(count);
    },
  };
}

const sweeps = Object.fromEntries(
  names.map((name) => [name, evaluation(name, 'a sweep', swept)]),
) as Record<Name, KernelCase>;
const specials = Object.fromEntries(
  names.map((name) => [name, evaluation(name, 'special values', special)]),
) as Record<Name, KernelCase>;

/** Distance of neighbouring floats at a value. */
function ulp(value: number): number {
  const exponent = Math.floor(Math.log2(Math.abs(value)));
  return 2 ** (Math.max(exponent, -126) - 23);
}

describe.each(['fma-float32', 'muladd-float32'] as const)('math functions, %s', (profile) => {
  const [first, ...others] = runnable(profile);
  if (!first) {
    it.skip('cannot be checked here: no variant runs', () => undefined);
    return;
  }

  it.each(names)('%s is as exact as promised', (name) => {
    const { evaluate, from, to } = exact[name];
    const results = floatsOf(outcomeOf(sweeps[name], first).after, 'out');
    const worst = { error: 0, at: 0 };
    swept.forEach((x, i) => {
      if (x < from || x > to) return;
      const expected = evaluate(x);
      const error =
        expected === 0 ? Math.abs(results[i]!) : Math.abs(results[i]! - expected) / ulp(expected);
      if (error > worst.error) Object.assign(worst, { error, at: x });
    });
    expect(worst.error, `at ${worst.at}`).toBeLessThanOrEqual(promisedUlp[name]);
    // A promise that nothing comes near is no promise.
    expect(worst.error).toBeGreaterThan(0.7 * promisedUlp[name]);
  });

  it.each(names)('%s has the same bits in every variant', (name) => {
    const expected = outcomeOf(sweeps[name], first).after;
    for (const other of others) {
      const actual = outcomeOf(sweeps[name], other).after;
      expect(differingBits(actual, expected), other.name).toBeUndefined();
    }
  });
});

describe.each(compiled.filter(({ missing }) => missing === undefined))(
  'math functions, $name',
  (implementation) => {
    const specialOf = (name: Name): number[] => [
      ...floatsOf(outcomeOf(specials[name], implementation).after, 'out'),
    ];

    it('reach their limits at infinity and beyond saturation', () => {
      const [atInfinity, atMinusInfinity, atZero, atMinusZero, atLarge, atMinusLarge] =
        specialOf('exp');
      // Close to the largest and the smallest float: a factor of e is as good as none.
      expect(atInfinity).toBeGreaterThan(1.6e38);
      expect(atMinusInfinity).toBeLessThan(1.7e-38);
      expect([atZero, atMinusZero, atLarge, atMinusLarge]).toEqual([
        1,
        1,
        atInfinity,
        atMinusInfinity,
      ]);

      const sigmoid = specialOf('sigmoid').slice(0, 6);
      expect(sigmoid[1]).toBeLessThan(1e-37);
      expect(sigmoid).toEqual([1, sigmoid[1], 0.5, 0.5, 1, sigmoid[1]]);

      expect(specialOf('tanh').slice(0, 6)).toEqual([1, -1, 0, 0, 1, -1]);

      const log2 = Math.fround(Math.LN2);
      expect(specialOf('log1p').slice(0, 6)).toEqual([log2, 0, 0, -0, log2, 0]);
    });

    it.each(names)('%s of NaN is NaN', (name) => {
      expect(specialOf(name).slice(6)).toEqual(new Array(10).fill(NaN));
    });

    it('stay within their bounds', () => {
      for (const [name, low, high] of [
        ['sigmoid', 0, 1],
        ['tanh', -1, 1],
        ['log1p', 0, Math.fround(Math.LN2)],
      ] as const) {
        const results = floatsOf(outcomeOf(sweeps[name], implementation).after, 'out');
        expect(
          results.every((value) => value >= low && value <= high),
          name,
        ).toBe(true);
      }
    });
  },
);
