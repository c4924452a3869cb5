import { rank, RANKS } from '../../src/backend/kernels/ranking.js';
import { describeContract, type KernelCase } from './contract.js';
import { uniform, type Fill } from './workbench.js';

interface RankCase {
  title: string;
  classes: number;
  rows: number;
  probabilities: Fill;
  calls?: [number, number][];
}

function rankCase({ title, classes, rows, probabilities, calls }: RankCase): KernelCase {
  const ranges = calls ?? [[0, rows]];
  return {
    name: `${title}, ${classes} classes, rows ${ranges.map((r) => r.join('–')).join(' ')} of ${rows}`,
    prepare(bench) {
      const call = bench.backend.bind(rank, {
        probabilities: bench.panels('probabilities', rows, classes, probabilities),
        classes,
        ids: bench.indices('ids', rows, RANKS),
      });
      return () => ranges.forEach((range) => call(...range));
    },
  };
}

const some: Fill = (row, column) => Math.abs(uniform(1, 1)(row, column));
// Of all classes a dozen kinds; and none of the last ones is beaten by what fills up the panel.
const ties: Fill = (row, column) => Math.floor(12 * some(row, column)) / 12;

describeContract('ranks', [
  ...[1, 2, 15, 16, 17, 40, 333].map((classes) =>
    rankCase({ title: 'any', classes, rows: 19, probabilities: some }),
  ),
  ...[5, 33, 333].map((classes) =>
    rankCase({ title: 'many alike', classes, rows: 19, probabilities: ties }),
  ),
  rankCase({ title: 'all zero', classes: 50, rows: 3, probabilities: () => 0 }),
  rankCase({ title: 'rising', classes: 200, rows: 2, probabilities: (_, column) => column / 200 }),
  rankCase({
    title: 'falling',
    classes: 200,
    rows: 2,
    probabilities: (_, column) => 1 / (column + 1),
  }),
  rankCase({
    ...{ title: 'some rows', classes: 100, rows: 40, probabilities: some },
    calls: [
      [3, 4],
      [5, 38],
    ],
  }),
]);
