import type { Call, Kernel } from './kernels/kernel.js';

/** How multiply-adds are rounded: once, twice, or in float64. */
export type Rounding = 'fma' | 'muladd' | 'float64';

/** What products with weights multiply, and gradients of weights are formed of. What they are summed up in, and all else, is float32. */
export type Precision = 'float32' | 'bfloat16';

/** How results are rounded: equal profiles give equal bits. */
export type NumericProfile = 'fma-float32' | 'muladd-float32' | 'float64' | `bfloat16-${Rounding}`;

/** The profile of a network whose products multiply numbers of a precision. */
export function profileOf(rounding: Rounding, precision: Precision): NumericProfile {
  if (precision === 'bfloat16') return `bfloat16-${rounding}`;
  return rounding === 'float64' ? 'float64' : `${rounding}-float32`;
}

/** Kernels bound to the memory of one heap, on one thread. */
export interface Backend {
  readonly name: string;
  readonly profile: NumericProfile;
  /** Floats of a vector. */
  readonly lanes: number;
  /** The kernel bound to its operands, views on the heap: a function of a few numbers that allocates nothing. */
  bind<Operands, Arguments extends readonly unknown[]>(
    kernel: Kernel<Operands, Arguments>,
    operands: Operands,
  ): Call<Arguments>;
  /** Lets go of the heap: nothing is computed any more. */
  release(): void;
}
