import { describe, expect, it } from 'vitest';
import { softmax, type SoftmaxWeighting } from '../../src/backend/kernels/loss.js';
import { describeContract, itHasEqualBits, outcomeOf, type KernelCase } from './contract.js';
import { compiled } from './implementations.js';
import {
  EPSILON,
  floatsOf,
  uniform,
  type Fill,
  type Snapshot,
  type Workbench,
} from './workbench.js';

interface SoftmaxCase {
  classes: number;
  rows: number;
  scale: number;
  hasTargets?: boolean;
  calls?: [number, number][];
  logits?: Fill;
  /** Share of smoothing, with weights from 0.1 to 3. */
  smoothing?: number;
  title?: string;
}

function softmaxCase({
  classes,
  rows,
  scale,
  hasTargets = true,
  calls = [[0, rows]],
  logits = uniform(6, 1),
  smoothing,
  title = '',
}: SoftmaxCase): KernelCase {
  return {
    name:
      `${title}${classes} classes, rows ${calls.map((r) => r.join('–')).join(' ')} of ${rows}, ` +
      `scale ${scale}, ${hasTargets ? 'targets' : 'no targets'}${smoothing === undefined ? '' : `, weights, smoothing ${smoothing}`}`,
    prepare(bench) {
      const buffer = bench.panels('logits', rows, classes, logits);
      const targets = Array.from({ length: rows }, (_, r) => (r * 7 + classes - 1) % classes);
      const losses = bench.tensor('losses', [rows]);
      const predicted = bench.indices('predicted', rows);
      // A sum in 16 lanes: classes / 16 + 4 roundings, and some 8 for each exponential of differences below 12.
      const relative = (classes / 16 + 32) * EPSILON;
      bench.allow('logits', relative * (scale === 0 ? 1 : scale));
      // Losses are as large as 20, and weights as 3.
      const heaviest = smoothing === undefined ? 1 : 3;
      bench.allow('losses', relative * 20 * heaviest);
      if (smoothing !== undefined) bench.allow('logits', relative * 3 * heaviest * (scale || 1));
      const call = bench.backend.bind(softmax, {
        logits: buffer,
        classes,
        ...(hasTargets && { targets: bench.indices('targets', targets) }),
        losses,
        predicted,
        ...(smoothing !== undefined && { weighting: weigh(bench, rows, classes, smoothing) }),
      });
      if (smoothing !== undefined) bench.allow('cross-entropies', relative * 20);
      return () => calls.forEach(([from, to]) => call(scale, from, to));
    },
  };
}

function weigh(
  bench: Workbench,
  rows: number,
  classes: number,
  smoothing: number,
): SoftmaxWeighting {
  const width = Math.ceil(classes / 16) * 16;
  const of = (c: number): number => Math.fround(c < classes ? 0.1 + ((c * 13) % 30) / 10 : 0);
  return {
    weights: bench.tensor('weights', [1, width], (_, c) => of(c)).pick(0),
    weightSum: Array.from({ length: classes }, (_, c) => of(c)).reduce((a, b) => a + b),
    smoothing,
    crossEntropies: bench.tensor('cross-entropies', [rows]),
  };
}

const all = [1, 2, 15, 16, 17, 33, 1000];
describeContract('softmax', [
  ...all.flatMap((classes) => [
    softmaxCase({ classes, rows: 19, scale: 1 / 19 }),
    softmaxCase({ classes, rows: 3, scale: 0 }),
    softmaxCase({ classes, rows: 17, scale: 0, hasTargets: false }),
    softmaxCase({ classes, rows: 19, scale: 1 / 19, smoothing: 0.1 }),
    softmaxCase({ classes, rows: 5, scale: 0.3, smoothing: 0 }),
    softmaxCase({ classes, rows: 3, scale: 0, smoothing: 0.3 }),
  ]),
  softmaxCase({ classes: 20, rows: 40, scale: 0.5, calls: [[3, 36]] }),
]);

const split: [number, number][] = [
  [16, 40],
  [0, 1],
  [1, 16],
];
itHasEqualBits(
  'softmax gives a row the same bits however many rows are in the call',
  softmaxCase({ classes: 33, rows: 40, scale: 0.25 }),
  softmaxCase({ classes: 33, rows: 40, scale: 0.25, calls: split }),
);

itHasEqualBits(
  'softmax with weights gives a row the same bits however many rows are in the call',
  softmaxCase({ classes: 33, rows: 40, scale: 0.25, smoothing: 0.2 }),
  softmaxCase({ classes: 33, rows: 40, scale: 0.25, smoothing: 0.2, calls: split }),
);

describe.each(compiled.filter(({ missing }) => missing === undefined))(
  'softmax, $name',
  (implementation) => {
    const run = (options: SoftmaxCase): Snapshot =>
      outcomeOf(softmaxCase(options), implementation).after;
    it('predicts the first of equal classes', () => {
      const result = run({
        title: 'equal, ',
        classes: 40,
        rows: 2,
        scale: 0,
        logits: (row, column) => (column === 35 || column === 18 + row ? 3 : -1),
      });
      const { begin } = result.buffers.find(({ name }) => name === 'predicted')!;
      expect([...result.words.subarray(begin, begin + 2)]).toEqual([18, 19]);
    });

    it('bears logits far apart', () => {
      const result = run({
        title: 'far apart, ',
        classes: 2,
        rows: 2,
        scale: 0,
        logits: (row, column) => (row === column ? 1e30 : -1e30),
      });
      const probabilities = floatsOf(result, 'logits');
      expect(probabilities[0]).toBe(1);
      expect(probabilities[1]).toBeLessThan(1e-37);
      expect(probabilities[17]).toBe(1);
      // Row 0 has class 1 for its target, row 1 class 0.
      expect([...floatsOf(result, 'losses')]).toEqual([Math.fround(2e30), Math.fround(2e30)]);
    });

    it.each([
      [0, undefined],
      [5, 0.1],
      [20, undefined],
      [39, undefined],
      [39, 0.1],
    ])(
      'shows a NaN or an infinity among the logits in the loss, class %i, smoothing %s',
      (place, smoothing) => {
        for (const bad of [NaN, Infinity]) {
          const result = run({
            title: `${bad} at ${place}, `,
            classes: 40,
            rows: 1,
            scale: 1,
            logits: (row, column) => (column === place ? bad : uniform(1, 1)(row, column)),
            ...(smoothing !== undefined && { smoothing }),
          });
          expect(floatsOf(result, 'losses')[0]).not.toSatisfy(Number.isFinite);
        }
      },
    );
  },
);
