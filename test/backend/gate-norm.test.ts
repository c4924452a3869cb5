import { describe } from 'vitest';
import {
  gateNormBackward,
  gateNormForward,
  gateNormGradient,
} from '../../src/backend/kernels/gate-norm.js';
import { GRU_INPUT_ROWS } from '../../src/backend/kernels/gru.js';
import { LSTM_ROWS } from '../../src/backend/kernels/lstm.js';
import type { RowMap } from '../../src/backend/kernels/rows.js';
import { PANEL, panelsOf } from '../../src/tensor/heap.js';
import { describeContract, type KernelCase } from './contract.js';
import { EPSILON, uniform, type Fill, type Workbench } from './workbench.js';

/** Enough for blocks of 16 and some more; [1, LAST) are computed. */
const ROWS = 37;
const LAST = ROWS - 1;
const PLACES = 45;

/** Sums of so many hidden units, as a row map has them, and what is known of their normalization. */
function layOut(bench: Workbench, hidden: number, rows: RowMap) {
  const columns = rows.of * panelsOf(hidden) * PANEL;
  const counts = (column: number): boolean => {
    const panel = Math.floor(column / PANEL);
    const unit = Math.floor(panel / rows.of) * PANEL + (column % PANEL);
    return unit < hidden && rows.panels.includes(panel % rows.of);
  };
  const counted =
    (fill: Fill): Fill =>
    (row, column) =>
      counts(column) ? fill(row, column) : 0;
  const input = bench.panels('input', ROWS, columns, counted(uniform(1, 1)));
  const vector = (name: string, fill: Fill) =>
    bench.tensor(name, [columns], (column) => fill(0, column));
  return {
    columns,
    operands: {
      ...{ input, rows, height: rows.blocks * hidden },
      gain: vector(
        'gain',
        counted((row, column) => 1 + uniform(0.5, 2)(row, column)),
      ),
    },
    vector,
  };
}

function forwardCase(hidden: number, rows: RowMap): KernelCase {
  return {
    name: `forward, ${hidden} units of ${rows.blocks} blocks`,
    prepare(bench) {
      const { columns, operands, vector } = layOut(bench, hidden, rows);
      const statistics = bench.tensor('statistics', [2, ROWS]);
      const out = bench.panels('out', ROWS, columns);
      for (const name of ['statistics', 'out']) bench.allow(name, 100 * EPSILON);
      const bias = vector('bias', uniform(1, 3));
      const normalize = bench.backend.bind(gateNormForward, {
        ...{ ...operands, statistics, out, bias, epsilon: 0.01 },
      });
      return () => normalize(1, LAST);
    },
  };
}

/** Backwards, of places that have rows of others, or of their own. */
function backwardCase(hidden: number, rows: RowMap, gathers: boolean): KernelCase {
  return {
    name: `backward, ${hidden} units of ${rows.blocks} blocks${gathers ? ', gathered' : ''}`,
    prepare(bench) {
      const { columns, operands } = layOut(bench, hidden, rows);
      const places = gathers ? PLACES : ROWS;
      const statistics = bench.tensor(
        'statistics',
        [2, ROWS],
        (of, row) => (of % 2) + uniform(0.3, 4)(of, row),
      );
      const dOutput = bench.panels('d output', places, columns, uniform(1, 5));
      const dInput = bench.panels('d input', places, columns);
      const ofPlaces = Array.from({ length: places }, (_, place) => (place * 7) % ROWS);
      const rowOf = bench.indices('rows of places', ofPlaces);
      const order = bench.indices(
        'order',
        Array.from({ length: places }, (_, k) => places - 1 - k),
      );
      const height = rows.blocks * hidden;
      const units = rows.blocks * panelsOf(hidden);
      const dGain = bench.tensor('d gain', [height]);
      const dBias = bench.tensor('d bias', [height]);
      const squares = bench.doubles('squares', units);
      bench.allow('d input', 200 * EPSILON);
      for (const name of ['d gain', 'd bias']) bench.allow(name, PLACES ** 2 * EPSILON);
      bench.allow('squares', 16 * PLACES ** 3 * EPSILON);
      const of = { ...operands, statistics, dOutput, ...(gathers && { rowOf }) };
      const back = bench.backend.bind(gateNormBackward, { ...of, dInput });
      const sum = bench.backend.bind(gateNormGradient, {
        ...{ ...of, order, dGain, squares },
        segments: bench.indices('segments', [0, 5, 5, 20, places]),
        ...(gathers && { bias: { out: dBias, copies: 2 } }),
      });
      return () => {
        back(1, places - 1);
        sum(0, units);
      };
    },
  };
}

describe('layer normalization of what goes into gates', () => {
  describeContract(
    'gates',
    [LSTM_ROWS, GRU_INPUT_ROWS].flatMap((rows) =>
      [7, 16, 33].flatMap((hidden) => [
        forwardCase(hidden, rows),
        backwardCase(hidden, rows, false),
        backwardCase(hidden, rows, true),
      ]),
    ),
  );
});
