import {
  beginGradient,
  beginRows,
  givenGradient,
} from '../../src/backend/kernels/initial-state.js';
import { describe } from 'vitest';
import { PANEL, panelsOf } from '../../src/tensor/heap.js';
import { describeContract, type KernelCase } from './contract.js';
import { EPSILON, uniform } from './workbench.js';

const LENGTHS = [2, 1, 0, 4, 5, 1, 3, 0, 2];
const ROWS = LENGTHS.length;
/** Whether a row goes on from the batch before. */
const goesOn = (row: number): boolean => row % 3 === 1;

/** What rows begin with: what all have learned, or what each is given. */
type Beginning = 'learned' | 'given';

function rowsCase(columns: number, carries: boolean, from: Beginning): KernelCase {
  return {
    name: `rows begin with ${from}, ${columns} columns${carries ? ', some go on' : ''}`,
    prepare(bench) {
      const panels = panelsOf(columns);
      const given = bench.panels('given', ROWS, columns, uniform(1, 4));
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
        ...(from === 'learned' ? { learned } : { given }),
        out,
        ...(carries && { stateIn, stateOut }),
      });
      return () => begin(1, ROWS - 1);
    },
  };
}

function givenCase(columns: number, carries: boolean, adds: boolean): KernelCase {
  return {
    name: `gradient of given states, ${columns} columns${carries ? ', some rows go on' : ''}${adds ? ', added' : ''}`,
    prepare(bench) {
      const rowStart = [0];
      for (const length of LENGTHS) rowStart.push(rowStart.at(-1)! + length);
      const begun = bench.panels('begun', ROWS, PANEL, (row, column) =>
        column === 0 && goesOn(row) ? 1 : 0,
      );
      const out = bench.panels('out', ROWS, columns, adds ? uniform(1, 5) : undefined);
      bench.allow('out', 2 * EPSILON);
      const hand = bench.backend.bind(givenGradient, {
        dInitial: bench.panels('d initial', ROWS, columns, uniform(1, 3)),
        ...(carries && { begun }),
        rowStart: bench.indices('row start', rowStart),
        ...{ out, adds },
      });
      return () => hand(1, ROWS);
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
    'learned and given states',
    [5, 16, 40].flatMap((columns) =>
      [false, true].flatMap((carries) => [
        rowsCase(columns, carries, 'learned'),
        rowsCase(columns, carries, 'given'),
        givenCase(columns, carries, false),
        givenCase(columns, carries, true),
        gradientCase(columns, carries),
      ]),
    ),
  );
});
