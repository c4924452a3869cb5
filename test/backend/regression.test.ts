import { describe, expect, it } from 'vitest';
import { regression } from '../../src/backend/kernels/regression.js';
import { bitsOfFloat, floatOfBits } from '../../src/tensor/float-bits.js';
import { describeContract, itHasEqualBits, outcomeOf, type KernelCase } from './contract.js';
import { compiled } from './implementations.js';
import { floatsOf, uniform } from './workbench.js';

interface RegressionCase {
  absolute: boolean;
  scale: number;
  rows?: number;
  hasTargets?: boolean;
  calls?: [number, number][];
  /** By row. */
  outputs?: (row: number) => number;
  mean?: number;
  title?: string;
}

const DEVIATION = 2.5;

function regressionCase(given: RegressionCase): KernelCase {
  const { absolute, scale, rows = 19, hasTargets = true, calls = [[0, rows]] } = given;
  const { outputs, mean = -7.25, title = '' } = given;
  const drawn = uniform(3, 1);
  const value = (row: number): number => outputs?.(row) ?? Math.fround(drawn(row, 0));
  return {
    name:
      `${title}${absolute ? 'absolute' : 'squared'}, rows ${calls.map((r) => r.join('–')).join(' ')} of ${rows}, ` +
      `scale ${scale}, mean ${mean}, ${hasTargets ? 'targets' : 'no targets'}`,
    prepare(bench) {
      const targets = Array.from({ length: rows }, (_, row) =>
        bitsOfFloat(mean + DEVIATION * Math.sin(row)),
      );
      // No tolerance: all variants compute in float64, as the oracle does, and round once.
      const call = bench.backend.bind(regression, {
        ...{ absolute, mean, deviation: DEVIATION },
        outputs: bench.panels('outputs', rows, 1, (row) => value(row)),
        ...(hasTargets && { targets: bench.indices('targets', targets) }),
        losses: bench.tensor('losses', [rows]),
        predicted: bench.indices('predicted', rows),
      });
      return () => calls.forEach(([from, to]) => call(scale, from, to));
    },
  };
}

describeContract(
  'regression',
  [false, true].flatMap((absolute) => [
    regressionCase({ absolute, scale: 1 / 19 }),
    regressionCase({ absolute, scale: 0 }),
    regressionCase({ absolute, scale: 0, hasTargets: false }),
    regressionCase({ absolute, scale: 0.5, calls: [[3, 17]] }),
    regressionCase({ absolute, scale: 1, rows: 1, mean: 3e6 }),
  ]),
);

itHasEqualBits(
  'regression gives a row the same bits however many rows are in the call',
  regressionCase({ absolute: false, scale: 0.25 }),
  regressionCase({
    ...{ absolute: false, scale: 0.25 },
    calls: [
      [7, 19],
      [0, 7],
    ],
  }),
);

describe.each(compiled.filter(({ missing }) => missing === undefined))(
  'regression, $name',
  (implementation) => {
    const run = (given: RegressionCase) => {
      const { after } = outcomeOf(regressionCase(given), implementation);
      const { begin } = after.buffers.find(({ name }) => name === 'predicted')!;
      return {
        losses: floatsOf(after, 'losses'),
        outputs: floatsOf(after, 'outputs'),
        predicted: floatOfBits(after.words[begin]!),
      };
    };
    const one = { rows: 1, mean: 4, outputs: () => 3 };

    it('compares the output with the standardised target, and predicts in its unit', () => {
      // Of row 0 the target is the mean.
      const squares = run({ ...one, title: 'known, ', absolute: false, scale: 0.5 });
      expect([squares.losses[0], squares.outputs[0], squares.predicted]).toEqual([9, 3, 11.5]);
      const sizes = run({ ...one, title: 'known, ', absolute: true, scale: 0.5 });
      expect([sizes.losses[0], sizes.outputs[0], sizes.predicted]).toEqual([3, 0.5, 11.5]);
      const told = run({ ...one, title: 'known, ', absolute: true, scale: 0, hasTargets: false });
      expect([told.outputs[0], told.predicted]).toEqual([11.5, 11.5]);
    });

    it('has no slope where an absolute error is 0', () => {
      const { losses, outputs } = run({
        ...{ ...one, outputs: () => 0 },
        ...{ title: 'right, ', absolute: true, scale: 1 },
      });
      expect([losses[0], outputs[0]]).toEqual([0, 0]);
    });

    it.each([false, true])('shows a NaN or an infinity in the loss, absolute: %s', (absolute) => {
      for (const bad of [NaN, Infinity]) {
        const title = `${bad}, `;
        const { losses } = run({ ...one, title, absolute, scale: 1, outputs: () => bad });
        expect(losses[0]).not.toSatisfy(Number.isFinite);
      }
    });
  },
);
