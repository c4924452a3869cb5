import { describe, expect, it } from 'vitest';
import { binary } from '../../src/backend/kernels/binary.js';
import { addLabel, hasLabel, wordsOf } from '../../src/tensor/label-sets.js';
import { describeContract, itHasEqualBits, outcomeOf, type KernelCase } from './contract.js';
import { compiled } from './implementations.js';
import { EPSILON, floatsOf, uniform, type Fill, type Snapshot } from './workbench.js';

interface BinaryCase {
  labels: number;
  rows: number;
  scale: number;
  hasTargets?: boolean;
  hasWeights?: boolean;
  calls?: [number, number][];
  logits?: Fill;
  title?: string;
}

/** Row 0 has no label, the last has all of them. */
const isThere = (row: number, label: number, rows: number): boolean =>
  row > 0 && (row === rows - 1 || (row * 5 + label * 3) % 7 < 2);

const HEAVIEST = 3;
const weightOf: Fill = (_, label) => Math.fround(0.1 + ((label * 13) % 29) / 10);

function binaryCase(given: BinaryCase): KernelCase {
  const { labels, rows, scale, hasTargets = true, hasWeights = false, title = '' } = given;
  const { calls = [[0, rows]], logits = uniform(12, 1) } = given;
  const words = wordsOf(labels);
  return {
    name:
      `${title}${labels} labels, rows ${calls.map((r) => r.join('–')).join(' ')} of ${rows}, ` +
      `scale ${scale}, ${hasTargets ? 'targets' : 'no targets'}${hasWeights ? ', weights' : ''}`,
    prepare(bench) {
      const targets = bench.indices('targets', rows, words);
      for (let row = 0; row < rows; row++) {
        const set = new Int32Array(words);
        for (let c = 0; c < labels; c++) if (isThere(row, c, rows)) addLabel(set, 0, c);
        set.forEach((word, i) => targets.set(row, i, word));
      }
      const width = Math.ceil(labels / 16) * 16;
      const weights = (row: number, c: number): number => (c < labels ? weightOf(row, c) : 0);
      const call = bench.backend.bind(binary, {
        logits: bench.panels('logits', rows, labels, logits),
        labels,
        ...(hasTargets && { targets }),
        losses: bench.tensor('losses', [rows]),
        predicted: bench.indices('predicted', rows, words),
        ...(hasWeights && { weights: bench.tensor('weights', [1, width], weights).pick(0) }),
      });
      const heaviest = hasWeights ? HEAVIEST : 1;
      // A sigmoid is exact to 2.5 ulp of at most 1, and two or three roundings follow.
      bench.allow('logits', 8 * EPSILON * heaviest * (scale === 0 ? 1 : scale / labels));
      // Losses of at most 12 by weight, in a sum of 16 lanes: a rounding a panel, 4 for the lanes and some 6 for each.
      bench.allow('losses', (labels / 16 + 10) * EPSILON * 12 * heaviest);
      return () => calls.forEach(([from, to]) => call(scale, from, to));
    },
  };
}

describeContract('binary', [
  ...[1, 2, 15, 16, 17, 31, 32, 33, 49, 300].flatMap((labels) => [
    binaryCase({ labels, rows: 19, scale: 1 / 19 }),
    binaryCase({ labels, rows: 3, scale: 0, hasWeights: true }),
    binaryCase({ labels, rows: 17, scale: 0, hasTargets: false }),
    binaryCase({ labels, rows: 18, scale: 0.5, hasWeights: true }),
  ]),
  binaryCase({ labels: 40, rows: 40, scale: 0.5, calls: [[3, 36]] }),
]);

const split: [number, number][] = [
  [16, 40],
  [0, 1],
  [1, 16],
];
itHasEqualBits(
  'binary gives a row the same bits however many rows are in the call',
  binaryCase({ labels: 70, rows: 40, scale: 0.25, hasWeights: true }),
  binaryCase({ labels: 70, rows: 40, scale: 0.25, hasWeights: true, calls: split }),
);

describe.each(compiled.filter(({ missing }) => missing === undefined))(
  'binary, $name',
  (implementation) => {
    const run = (given: BinaryCase): Snapshot => outcomeOf(binaryCase(given), implementation).after;
    const predictedOf = ({ buffers, words }: Snapshot): Uint32Array => {
      const { begin, end } = buffers.find(({ name }) => name === 'predicted')!;
      return words.subarray(begin, end);
    };

    it('predicts the labels whose probability, as it is told, is at least a half', () => {
      // So near to 0 that float32 holds no other probability than a half.
      const near = [0, -0, 1e-10, -1e-10, 1e-3, -1e-3, 5, -5];
      const given = { labels: 40, rows: 1, scale: 0, title: 'half, ' };
      const after = run({ ...given, logits: (_, column) => near[column % near.length]! });
      const [probabilities, predicted] = [floatsOf(after, 'logits'), predictedOf(after)];
      const found = Array.from({ length: 40 }, (_, c) => hasLabel(predicted[c >> 5]!, c));
      const told = Array.from(found, (_, c) => probabilities[(c >> 4) * 16 + (c % 16)]! >= 0.5);
      expect(found).toEqual(told);
      expect(found.slice(0, 8)).toEqual([true, true, true, true, true, false, true, false]);
      // Nothing stands behind the last label.
      expect(predicted[1]! >>> 8).toBe(0);
    });

    it('loses nothing of logits far from 0', () => {
      const far = (z: number): number =>
        floatsOf(
          run({ labels: 1, rows: 1, scale: 0, title: `${z}, `, logits: () => z }),
          'losses',
        )[0]!;
      // The one row has no label: ln(1 + e^z).
      expect(far(1e30)).toBe(Math.fround(1e30));
      expect(far(-30) / Math.exp(-30)).toBeCloseTo(1, 5);
      expect(far(-1e30)).toBeLessThan(1e-37);
    });

    it.each([0, 5, 20, 39])('shows a NaN or an infinity in the loss, label %i', (place) => {
      for (const bad of [NaN, Infinity, -Infinity]) {
        const logits: Fill = (row, c) => (c === place ? bad : uniform(1, 1)(row, c));
        const { losses } = {
          losses: floatsOf(
            run({ labels: 40, rows: 2, scale: 1, title: `${bad} at ${place}, `, logits }),
            'losses',
          ),
        };
        // Of a row without labels and one with all: one of them says so at least, and both where it is no number.
        const odd = [...losses].filter((loss) => !Number.isFinite(loss));
        expect(odd.length).toBeGreaterThan(0);
      }
    });
  },
);
