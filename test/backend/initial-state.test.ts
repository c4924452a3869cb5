import { beginGradient, beginRows } from '../../src/backend/kernels/initial-state.js';
import { describe } from 'vitest';
import { PANEL, panelsOf } from '../../src/tensor/heap.js';
import { describeContract, type KernelCase } from './contract.js';
import { EPSILON, uniform } from './workbench.js';

const LENGTHS = [2, 1, 0, 4, 5, 1, 3, 0, 2];
const ROWS = LENGTHS.length;
/** Whether a row goes on from the batch before. */
const goesOn = (row: number): boolean => row % 3 === 1;

function rowsCase(columns: number, carries: boolean): KernelCase {
  return {
    name: `rows begin, ${columns} columns${carries ? ', some go on' : ''}`,
    prepare(bench) {
      const panels = panelsOf(columns);
      const learned = bench.tensor('learned', [panels * PANEL], (column) =>
        column < columns ? uniform(1, 1)(0, column) : 0,
      );
      const carried = (row: number, column: number): number => {
        if (column < panels * PANEL) return uniform(1, 2)(row, column);
        return column === panels * PANEL && goesOn(row) ? 1 : 0;
      };
      const stateIn = bench.panels('state in', ROWS, (panels + 1) * PANEL, carried);
      const stateOut = bench.panels('state out', ROWS, (panels + 1) * PANEL);
      const out = bench.panels('out', ROWS, columns);
      const begin = bench.backend.bind(beginRows, {
        ...{ learned, out },
        ...(carries && { stateIn, stateOut }),
      });
      return () => begin(1, ROWS - 1);
    },
  };
}

function gradientCase(columns: number, carries: boolean): KernelCase {
  return {
    name: `gradient of a learned state, ${columns} columns${carries ? ', some rows go on' : ''}`,
    prepare(bench) {
      const panels = panelsOf(columns);
      const rowStart = [0];
      for (const length of LENGTHS) rowStart.push(rowStart.at(-1)! + length);
      const out = bench.tensor('out', [columns]);
      const squares = bench.doubles('squares', panels);
      bench.allow('out', ROWS * ROWS * EPSILON);
      bench.allow('squares', 16 * ROWS ** 3 * EPSILON);
      const begun = bench.panels('begun', ROWS, PANEL, (row, column) =>
        column === 0 && goesOn(row) ? 1 : 0,
      );
      const sum = bench.backend.bind(beginGradient, {
        dInitial: bench.panels('d initial', ROWS, columns, uniform(1, 3)),
        ...(carries && { begun }),
        rowStart: bench.indices('row start', rowStart),
        segments: bench.indices('segments', [0, 3, 3, 5, ROWS]),
        ...{ out, squares },
      });
      return () => sum(0, panels);
    },
  };
}

describe('what rows start from', () => {
  describeContract(
    'learned states',
    [5, 16, 40].flatMap((columns) =>
      [false, true].flatMap((carries) => [
        rowsCase(columns, carries),
        gradientCase(columns, carries),
      ]),
    ),
  );
});
