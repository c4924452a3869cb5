import type { Tensor } from '../../tensor/heap.js';
import { plainNumbers, type Kernel } from './kernel.js';
import { at, sigmoid } from './operands.js';

const FUNCTIONS = { exp: Math.exp, sigmoid, tanh: Math.tanh, log1p: Math.log1p } as const;

export interface EvaluateOperands {
  function: keyof typeof FUNCTIONS;
  input: Tensor;
  out: Tensor;
}

/** exp, sigmoid, tanh or ln(1 + x) of `count` elements (a multiple of 16): what the cell kernels use, for tests. */
export const evaluate: Kernel<EvaluateOperands, [count: number]> = {
  name: 'evaluate',
  arguments: (o) => [at(o.input), at(o.out), Object.keys(FUNCTIONS).indexOf(o.function)],
  call: plainNumbers,
  reference: (o) => (count) => {
    for (let i = 0; i < count; i++) o.out.set(i, FUNCTIONS[o.function](o.input.get(i)));
  },
};

/** Runs `rounds` of 20 multiply-adds on full vectors, ten of them independent: the core's peak. */
export const peak: Kernel<Tensor, [rounds: number]> = {
  name: 'peak',
  arguments: (out) => [at(out)],
  call: plainNumbers,
  reference: () => () => undefined,
};
