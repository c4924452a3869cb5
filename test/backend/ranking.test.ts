import { describe, expect, it } from 'vitest';
import { softmax } from '../../src/backend/kernels/loss.js';
import { rank, RANKS } from '../../src/backend/kernels/ranking.js';
import { describeContract, type KernelCase } from './contract.js';
import { compiled } from './implementations.js';
import { EPSILON, uniform, Workbench, type Fill } from './workbench.js';

interface RankCase {
  title: string;
  classes: number;
  rows: number;
  logits: Fill;
  calls?: [number, number][];
}

function rankCase({ title, classes, rows, logits, calls }: RankCase): KernelCase {
  const ranges = calls ?? [[0, rows]];
  return {
    name: `${title}, ${classes} classes, rows ${ranges.map((r) => r.join('–')).join(' ')} of ${rows}`,
    prepare(bench) {
      const probabilities = bench.tensor('probabilities', [rows, RANKS]);
      // As in softmax.test.ts.
      bench.allow('probabilities', (classes / 16 + 32) * EPSILON);
      const call = bench.backend.bind(rank, {
        logits: bench.panels('logits', rows, classes, logits),
        classes,
        ids: bench.indices('ids', rows, RANKS),
        probabilities,
      });
      return () => ranges.forEach((range) => call(...range));
    },
  };
}

const some = uniform(6, 1);
// Of all classes a dozen kinds; and none of the last ones is beaten by what fills up the panel.
const ties: Fill = (row, column) => Math.floor(2 * some(row, column)) / 2;

describeContract('ranks', [
  ...[1, 2, 15, 16, 17, 40, 333].map((classes) =>
    rankCase({ title: 'any', classes, rows: 19, logits: some }),
  ),
  ...[5, 33, 333].map((classes) =>
    rankCase({ title: 'many alike', classes, rows: 19, logits: ties }),
  ),
  // Of a group of columns only the highest is known beforehand.
  rankCase({
    ...{ title: 'the highest in a column of a panel', classes: 400, rows: 7 },
    logits: (_, column) => (column % 32 === 5 ? 9 : 0) + some(1, column),
  }),
  rankCase({ title: 'all zero', classes: 50, rows: 3, logits: () => 0 }),
  rankCase({ title: 'rising', classes: 200, rows: 2, logits: (_, column) => column / 200 }),
  rankCase({
    title: 'falling',
    classes: 200,
    rows: 2,
    logits: (_, column) => 1 / (column + 1),
  }),
  rankCase({
    ...{ title: 'some rows', classes: 100, rows: 40, logits: some },
    calls: [
      [3, 4],
      [5, 38],
    ],
  }),
]);

describe.each(compiled.filter(({ missing }) => !missing))('of $name', (implementation) => {
  it.each([3, 17, 70, 1000])('%i classes have the bits that softmax leaves', (classes) => {
    const bench = new Workbench(implementation);
    const rows = 21;
    const probabilities = bench.tensor('probabilities', [rows, RANKS]);
    const ids = bench.indices('ids', rows, RANKS);
    const all = bench.panels('all', rows, classes, some);
    const logits = bench.panels('logits', rows, classes, some);
    const call = bench.backend.bind(rank, { logits, classes, ids, probabilities });
    const normalise = bench.backend.bind(softmax, {
      ...{ logits: all, classes },
      losses: bench.tensor('losses', [rows]),
      predicted: bench.indices('predicted', rows),
    });
    bench.begin();
    call(0, rows);
    normalise(0, 0, rows);
    for (let row = 0; row < rows; row++) {
      for (let i = 0; i < Math.min(RANKS, classes); i++) {
        const id = ids.get(row, i);
        expect(probabilities.get(row, i)).toBe(all.get(id >> 4, row, id & 15));
      }
    }
  });
});
