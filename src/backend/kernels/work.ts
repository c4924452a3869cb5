import type { IndexTensor, Tensor } from '../../tensor/heap.js';

/** What one call of a kernel does. */
export interface Work {
  /** Rows × summed × columns of a product, else rows × columns. */
  size: string;
  /** Of what products multiply; float32 where absent. */
  precision?: 'bfloat16';
  /**
   * Floating-point operations, a multiply-add being two. Of kernels that form products these alone count: gates and
   * the like come on top, in the time.
   */
  flops: number;
  /** Bytes of every operand read and of every result written, each once. */
  bytes: number;
}

/** What the calls of a kernel with its operands do. */
export interface KernelWork<Arguments extends readonly unknown[]> {
  /** What to call it. */
  kernel: string;
  /** The operand that tells it from others of its kind: weights, a parameter. */
  about: Tensor | IndexTensor;
  /** Operands that a call reads and changes: another call would not do the same. */
  changes: readonly (Tensor | IndexTensor)[];
  of(...args: Arguments): Work;
}

/** A pass over rows × columns elements, with so many reads and writes, and operations, of each. */
export function pointwise(
  tensor: Tensor,
  rows: number,
  columns: number,
  each: { visits: number; flops: number },
): Work {
  return {
    size: `${rows} × ${columns}`,
    flops: each.flops * rows * columns,
    bytes: bytesOf(tensor, each.visits * rows * columns),
  };
}

export function bytesOf(tensor: Tensor, elements: number): number {
  return elements * tensor.data.BYTES_PER_ELEMENT;
}
