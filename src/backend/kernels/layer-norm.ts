import { PANEL, type DoubleTensor, type IndexTensor, type Tensor } from '../../tensor/heap.js';
import { plainNumbers, type Kernel, type Rows, type Units } from './kernel.js';
import { at, columnsOf, element, maybe, setElement } from './operands.js';
import { meansOf, statisticsOf } from './row-norm.js';
import { bytesOf, pointwise } from './work.js';

/** What the kernels of layer normalization have in common: rows of `width` elements, and what is known of each. */
interface NormOperands {
  /** [panels, rows, 16] */
  input: Tensor;
  width: number;
  /** [2, rows]: of every row the mean, and what its distances from it are multiplied by */
  statistics: Tensor;
}

export interface LayerNormForwardOperands extends NormOperands {
  out: Tensor;
  /** [16 · panels], zeros behind the last column */
  gain: Tensor;
  bias: Tensor;
  /** Added to the mean square. */
  epsilon: number;
}

export interface LayerNormBackwardOperands extends NormOperands {
  gain: Tensor;
  dOutput: Tensor;
  dInput: Tensor;
  /** Whether the gradient is added to what is there. */
  adds: boolean;
}

export interface LayerNormGradientOperands extends NormOperands {
  dOutput: Tensor;
  /** Row of the k-th element of a segment; the k-th row when absent. */
  order?: IndexTensor;
  /** [segments + 1]: first k of each shard; the number of shards is a power of two. */
  segments: IndexTensor;
  /** [width] */
  dGain: Tensor;
  dBias: Tensor;
  /** [panels]: sum of squares of both */
  squares: DoubleTensor;
}

/** The numbers that all begin with. */
function normArguments(o: NormOperands, out?: Tensor, gain?: Tensor): number[] {
  return [
    ...[at(o.input), o.input.stride[0]!, maybe(out), out?.stride[0] ?? 0, maybe(gain)],
    ...[at(o.statistics), o.statistics.stride[0]!, o.width, o.input.shape[0]!],
  ];
}

/** The columns that are normalised together: all of a row. */
function columnsOfRow({ width }: NormOperands): number[] {
  return Array.from({ length: width }, (_, column) => column);
}

/** A row's element, its mean taken away and its scale made 1. */
function normal({ input, statistics }: NormOperands, row: number, column: number): number {
  return (element(input, row, column) - statistics.get(0, row)) * statistics.get(1, row);
}

/** Takes the mean of every row away, divides it by its standard deviation, and applies gain and bias. */
export const layerNormForward: Kernel<LayerNormForwardOperands, Rows> = {
  name: 'layer_norm_forward',
  arguments: (o) => [...normArguments(o, o.out, o.gain), at(o.bias), o.epsilon],
  call: plainNumbers,
  reference: (o) => (row0, row1) => {
    const { input, out, statistics, gain, bias, epsilon } = o;
    const columns = columnsOfRow(o);
    for (let row = row0; row < row1; row++) {
      const { mean, scale } = statisticsOf(input, row, columns, epsilon);
      statistics.set(0, row, mean);
      statistics.set(1, row, scale);
      for (let column = 0; column < columnsOf(out); column++) {
        setElement(out, row, column, normal(o, row, column) * gain.get(column) + bias.get(column));
      }
    }
  },
  work: ({ out, width }) => ({
    kernel: 'layer norm forward',
    about: out,
    changes: [],
    of: (row0, row1) => pointwise(out, row1 - row0, width, { visits: 2, flops: 8 }),
  }),
};

/** From the gradient of what it gave to that of its input. */
export const layerNormBackward: Kernel<LayerNormBackwardOperands, Rows> = {
  name: 'layer_norm_backward',
  arguments: (o) => [
    ...normArguments(o, o.dInput, o.gain),
    ...[at(o.dOutput), o.dOutput.stride[0]!, o.adds ? 1 : 0],
  ],
  call: plainNumbers,
  reference: (o) => (row0, row1) => {
    const { input, dOutput, dInput, width, statistics, gain, adds } = o;
    const columns = columnsOfRow(o);
    for (let row = row0; row < row1; row++) {
      const found = { mean: statistics.get(0, row), scale: statistics.get(1, row) };
      const means = meansOf({ values: input, dy: dOutput, gain }, row, columns, found);
      for (let column = 0; column < columnsOf(dInput); column++) {
        const former = adds ? element(dInput, row, column) : 0;
        const value = means.gradient(element(input, row, column), {
          ...{ dy: element(dOutput, row, column), gain: gain.get(column) },
        });
        setElement(dInput, row, column, former + (column < width ? value : 0));
      }
    }
  },
  work: ({ dInput, width, adds }) => ({
    kernel: 'layer norm backward',
    about: dInput,
    changes: adds ? [dInput] : [],
    of: (row0, row1) => pointwise(dInput, row1 - row0, width, { visits: adds ? 4 : 3, flops: 10 }),
  }),
};

/** Gradients of gain and bias, for panels [unit0, unit1) of their columns, summed in the shards' fixed tree. */
export const layerNormGradient: Kernel<LayerNormGradientOperands, Units> = {
  name: 'layer_norm_gradient',
  arguments: (o) => [
    ...normArguments(o),
    ...[at(o.dOutput), o.dOutput.stride[0]!, maybe(o.order)],
    ...[at(o.segments), o.segments.shape[0]! - 1, at(o.dGain), at(o.dBias), at(o.squares)],
  ],
  call: plainNumbers,
  reference: (o) => (unit0, unit1) => {
    const end = o.segments.get(o.segments.shape[0]! - 1);
    for (let unit = unit0; unit < unit1; unit++) {
      let squares = 0;
      const last = Math.min(o.width, (unit + 1) * PANEL);
      for (let column = unit * PANEL; column < last; column++) {
        let gain = 0;
        let bias = 0;
        for (let k = 0; k < end; k++) {
          const row = o.order?.get(k) ?? k;
          const d = element(o.dOutput, row, column);
          gain += d * normal(o, row, column);
          bias += d;
        }
        o.dGain.set(column, gain);
        o.dBias.set(column, bias);
        squares += gain * gain + bias * bias;
      }
      o.squares.set(unit, squares);
    }
  },
  work: ({ dOutput, segments, width }) => ({
    kernel: 'layer norm gradient',
    about: dOutput,
    changes: [],
    of(unit0, unit1) {
      const rows = segments.get(segments.shape[0]! - 1);
      const columns = Math.min(width, unit1 * PANEL) - unit0 * PANEL;
      return {
        size: `${rows} × ${columns}`,
        flops: 5 * rows * columns,
        bytes: bytesOf(dOutput, 2 * rows * columns),
      };
    },
  }),
};
