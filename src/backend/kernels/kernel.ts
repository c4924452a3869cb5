import type { KernelWork } from './work.js';

/** A kernel bound to its operands: takes the few numbers that change from call to call and allocates nothing. */
export type Call<Arguments extends readonly unknown[]> = (...args: Arguments) => void;

/** Ranges are half open. */
export type Rows = [row0: number, row1: number];
export type Units = [unit0: number, unit1: number];

/**
 * One kernel, in its two forms: compiled from kernels/<family>.c, which reads numbers, and in plain TypeScript.
 * Operands are views on the heap. Matrices of activations and packed weights are panel matrices of shape
 * [panels, rows, 16] (kernels/panel.h); parameters and their gradients are row-major, in PyTorch's layout.
 */
export interface Kernel<Operands, Arguments extends readonly unknown[]> {
  /** Its name in C, without prefix and instruction set. */
  readonly name: string;
  /** What the compiled kernel is bound to: byte offsets and counts, in the order of its struct of arguments. */
  arguments(operands: Operands): number[];
  /** How a call writes its own numbers behind them. */
  call(site: CallSite): Call<Arguments>;
  /** The same in float64 (on float64 tensors): slow and obvious, the oracle of the kernel's tests. */
  reference(operands: Operands): Call<Arguments>;
  /** What a call does, for `lockstep bench --kernels`; none where it is not worth a line. */
  work?(operands: Operands): KernelWork<Arguments> | undefined;
}

/** Room for the numbers of a call; `run` is to follow. */
export interface CallSite {
  readonly block: Float64Array;
  /** Place of the first one. */
  readonly first: number;
  readonly run: () => void;
}

/** Numbers that a call may have at most. */
export const CALL_ARGUMENTS = 8;

/** For calls of one to four plain numbers. */
export function plainNumbers({
  block,
  first,
  run,
}: CallSite): (a: number, b?: number, c?: number, d?: number) => void {
  return (a, b = 0, c = 0, d = 0) => {
    block[first] = a;
    block[first + 1] = b;
    block[first + 2] = c;
    block[first + 3] = d;
    run();
  };
}
