import { PANEL, type Tensor } from '../../tensor/heap.js';
import { plainNumbers, type Kernel, type Rows } from './kernel.js';
import { at, columnsOf, element, setElement } from './operands.js';
import { pointwise } from './work.js';

/** Functions of single elements, by the numbers that kernels/activation.c knows them by. */
const KINDS = { relu: 1, tanh: 2 } as const;
export type ActivationKind = keyof typeof KINDS;

interface ElementFunction {
  value(x: number): number;
  /** Of the argument, from that of the result y. */
  gradient(dy: number, y: number): number;
}

const functions: Record<ActivationKind, ElementFunction> = {
  relu: { value: (x) => (x < 0 ? 0 : x), gradient: (dy, y) => (y > 0 ? dy : 0) },
  tanh: { value: Math.tanh, gradient: (dy, y) => dy * (1 - y * y) },
};

export interface ActivateOperands {
  kind: ActivationKind;
  /** [panels, rows, 16] */
  values: Tensor;
}

/** Applies a function to every element of rows [row0, row1), in place. */
export const activate: Kernel<ActivateOperands, Rows> = {
  name: 'activate',
  arguments: ({ kind, values }) => [
    ...[at(values), values.stride[0]!, values.shape[0]!, KINDS[kind]],
  ],
  call: plainNumbers,
  reference:
    ({ kind, values }) =>
    (row0, row1) => {
      for (let row = row0; row < row1; row++) {
        for (let column = 0; column < columnsOf(values); column++) {
          const value = functions[kind].value(element(values, row, column));
          setElement(values, row, column, value);
        }
      }
    },
  work: ({ kind, values }) => ({
    kernel: kind,
    about: values,
    changes: [values],
    of: (row0, row1) =>
      pointwise(values, row1 - row0, values.shape[0]! * PANEL, { visits: 2, flops: 1 }),
  }),
};

export interface SlopeOperands {
  kind: ActivationKind;
  /** [panels, rows, 16]: of the function's results, becomes that of its arguments */
  gradient: Tensor;
  /** [panels, rows, 16]: its results */
  values: Tensor;
}

/** Multiplies rows [row0, row1) of a gradient by a function's slope, which follows from its results. */
export const multiplySlope: Kernel<SlopeOperands, Rows> = {
  name: 'multiply_slope',
  arguments: ({ kind, gradient, values }) => [
    ...[at(gradient), gradient.stride[0]!, at(values), values.stride[0]!],
    ...[values.shape[0]!, KINDS[kind]],
  ],
  call: plainNumbers,
  reference:
    ({ kind, gradient, values }) =>
    (row0, row1) => {
      for (let row = row0; row < row1; row++) {
        for (let column = 0; column < columnsOf(values); column++) {
          const dy = element(gradient, row, column);
          const dx = functions[kind].gradient(dy, element(values, row, column));
          setElement(gradient, row, column, dx);
        }
      }
    },
  work: ({ kind, gradient, values }) => ({
    kernel: `slope of ${kind}`,
    about: values,
    changes: [gradient],
    of: (row0, row1) =>
      pointwise(values, row1 - row0, values.shape[0]! * PANEL, { visits: 3, flops: 2 }),
  }),
};
