import { PANEL, type DoubleTensor, type IndexTensor, type Tensor } from '../../tensor/heap.js';
import { plainNumbers, type Kernel, type Rows, type Units } from './kernel.js';
import { at, columnsOf, element, maybe, setElement } from './operands.js';
import { meansOf, statisticsOf } from './row-norm.js';
import { rowArguments, rowsOfUnit, type RowMap } from './rows.js';
import { pointwise } from './work.js';

/** What goes into the sums of gates, in panels for each 16 hidden units of which a row map says what counts. */
interface GateNormOperands {
  /** [panels, rows, 16] */
  input: Tensor;
  /** [16 · panels], zeros where nothing counts */
  gain: Tensor;
  /** [2, rows]: of every row the mean, and what its distances from it are multiplied by */
  statistics: Tensor;
  /** Rows of all blocks together, and where they are. */
  height: number;
  rows: RowMap;
}

export interface GateNormForwardOperands extends GateNormOperands {
  out: Tensor;
  /** [16 · panels], also of panels that do not count, which come to it */
  bias: Tensor;
  /** Added to the mean square. */
  epsilon: number;
}

/** What backwards lies by place, whatever forwards has rows of. */
interface PlacesOperands extends GateNormOperands {
  /** [panels, places, 16] */
  dOutput: Tensor;
  /** [places]: the row of each place; its own where absent */
  rowOf?: IndexTensor;
}

export interface GateNormBackwardOperands extends PlacesOperands {
  /** [panels, places, 16] */
  dInput: Tensor;
}

export interface GateNormGradientOperands extends PlacesOperands {
  /** [tokens]: place of the k-th element of a segment */
  order: IndexTensor;
  /** [segments + 1]: first k of each shard; the number of shards is a power of two. */
  segments: IndexTensor;
  /** [height] */
  dGain: Tensor;
  /** The gradient of so many biases of the same rows, in one place. */
  bias?: { out: Tensor; copies: number };
  /** [units]: sum of squares of all of these */
  squares: DoubleTensor;
}

function normArguments({ input, gain, statistics, height, rows }: GateNormOperands): number[] {
  return [
    ...[at(input), input.stride[0]!, at(gain), at(statistics), statistics.stride[0]!],
    ...[input.shape[0]!, ...rowArguments(height, rows)],
  ];
}

/** The columns that count, in the order of units. */
function countedColumns({ height, rows }: GateNormOperands): number[] {
  const units = rows.blocks * Math.ceil(height / rows.blocks / PANEL);
  return Array.from({ length: units }, (_, unit) => {
    const { rows: own, panel } = rowsOfUnit(unit, height, rows);
    return own.map((_row, lane) => panel * PANEL + lane);
  }).flat();
}

/** Normalises rows [row0, row1). */
export const gateNormForward: Kernel<GateNormForwardOperands, Rows> = {
  name: 'gate_norm_forward',
  arguments: (o) => [...normArguments(o), at(o.out), o.out.stride[0]!, at(o.bias), o.epsilon],
  call: plainNumbers,
  reference(o) {
    const counted = countedColumns(o);
    return (row0, row1) => {
      for (let row = row0; row < row1; row++) {
        const { mean, scale } = statisticsOf(o.input, row, counted, o.epsilon);
        o.statistics.set(0, row, mean);
        o.statistics.set(1, row, scale);
        for (let column = 0; column < columnsOf(o.out); column++) {
          const normal = (element(o.input, row, column) - mean) * scale;
          setElement(o.out, row, column, normal * o.gain.get(column) + o.bias.get(column));
        }
      }
    };
  },
  work: ({ input, out }) => ({
    kernel: 'norm of gates',
    about: out,
    changes: [],
    of: (row0, row1) => pointwise(out, row1 - row0, columnsOf(input), { visits: 2, flops: 7 }),
  }),
};

/** From the gradients of places [place0, place1) to those of what they were normalised of. */
export const gateNormBackward: Kernel<GateNormBackwardOperands, Rows> = {
  name: 'gate_norm_backward',
  arguments: (o) => [
    ...[...normArguments(o), maybe(o.rowOf)],
    ...[at(o.dOutput), at(o.dInput), o.dOutput.stride[0]!],
  ],
  call: plainNumbers,
  reference(o) {
    const counted = countedColumns(o);
    return (place0, place1) => {
      for (let place = place0; place < place1; place++) {
        const row = o.rowOf?.get(place) ?? place;
        const found = { mean: o.statistics.get(0, row), scale: o.statistics.get(1, row) };
        const of = { values: o.input, dy: o.dOutput, gain: o.gain };
        const means = meansOf(of, place, counted, found, row);
        for (let column = 0; column < columnsOf(o.dInput); column++)
          setElement(o.dInput, place, column, 0);
        for (const column of counted) {
          const value = means.gradient(element(o.input, row, column), {
            ...{ dy: element(o.dOutput, place, column), gain: o.gain.get(column) },
          });
          setElement(o.dInput, place, column, value);
        }
      }
    };
  },
  work: ({ dOutput }) => ({
    kernel: 'gradient of the norm of gates',
    about: dOutput,
    changes: [],
    of: (row0, row1) =>
      pointwise(dOutput, row1 - row0, columnsOf(dOutput), { visits: 3, flops: 11 }),
  }),
};

/** Gradients of gain and bias, 16 rows a unit: sums over all places. */
export const gateNormGradient: Kernel<GateNormGradientOperands, Units> = {
  name: 'gate_norm_gradient',
  arguments: (o) => [
    ...[...normArguments(o), maybe(o.rowOf), at(o.dOutput), o.dOutput.stride[0]!, at(o.order)],
    ...[at(o.segments), o.segments.shape[0]! - 1, at(o.dGain), maybe(o.bias?.out)],
    ...[o.bias?.copies ?? 0, at(o.squares)],
  ],
  call: plainNumbers,
  reference: (o) => (unit0, unit1) => {
    const end = o.segments.get(o.segments.shape[0]! - 1);
    for (let unit = unit0; unit < unit1; unit++) {
      const { rows, panel } = rowsOfUnit(unit, o.height, o.rows);
      let squares = 0;
      rows.forEach((own, lane) => {
        let [gain, bias] = [0, 0];
        for (let k = 0; k < end; k++) {
          const place = o.order.get(k);
          const row = o.rowOf?.get(place) ?? place;
          const d = element(o.dOutput, place, panel * PANEL + lane);
          const far = element(o.input, row, panel * PANEL + lane) - o.statistics.get(0, row);
          gain += d * far * o.statistics.get(1, row);
          bias += d;
        }
        o.dGain.set(own, gain);
        o.bias?.out.set(own, bias);
        squares += gain * gain + (o.bias ? o.bias.copies * bias * bias : 0);
      });
      o.squares.set(unit, squares);
    }
  },
};
