import type { Call, Kernel } from './kernels/kernel.js';

/** How results are rounded: equal profiles give equal bits. */
export type NumericProfile = 'fma-float32' | 'muladd-float32' | 'float64';

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
