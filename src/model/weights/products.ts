import { roundPairs } from '../../backend/kernels/pack-bfloat16.js';
import { product, type ProductStart } from '../../backend/kernels/product.js';
import { productBfloat16 } from '../../backend/kernels/product-bfloat16.js';
import { PANEL, type BufferSpec, type HeapPlan, type Tensor } from '../../tensor/heap.js';
import type { Binding, RowKernel } from '../binding.js';
import { planPacked, type PackedWeight } from './packed-weight.js';
import type { NetworkSizes } from '../sizes.js';
import { planGradientInput } from './weight-gradients.js';

/** A weight as the products with it read it. */
export interface PlannedProduct extends PackedWeight {
  /**
   * [pairs of panels, rows, 16]: where bfloat16 is multiplied, what stands to the left of the weight, forwards and later backwards. It is this
   * weight's own: parts that go on to other layers at different times have other rows there.
   */
  words?: BufferSpec;
  /** What the weight's gradient reads of what has stood there. */
  gradientInput?: BufferSpec;
}

/**
 * @param size.outputs columns of x Wᵀ, padding included
 * @param size.rows most of them that are multiplied in a batch
 */
export function planProduct(
  heap: HeapPlan,
  sizes: NetworkSizes,
  name: string,
  { outputs, inputs, rows }: { outputs: number; inputs: number; rows: number },
): PlannedProduct {
  const { precision, training } = sizes;
  const packed = planPacked(heap, name, outputs, inputs, precision);
  if (precision !== 'bfloat16') return packed;
  const widest = training ? Math.max(outputs, inputs) : inputs;
  const gradientInput = planGradientInput(heap, sizes, name, { rows, columns: inputs });
  return {
    ...packed,
    words: heap.pairs(`words for ${name}`, rows, widest),
    ...(gradientInput && { gradientInput }),
  };
}

/**
 * Binds c = start + a · W, forwards (x Wᵀ) or backwards (dy W), for rows of a: in bfloat16 these are rounded first.
 *
 * @param operands.a [panels, rows, 16]
 * @param operands.c [panels, rows, 16]
 */
export function bindProduct(
  { backend, heap }: Binding,
  {
    a,
    weight,
    direction,
    ...result
  }: {
    a: Tensor;
    weight: PlannedProduct;
    direction: keyof PackedWeight;
    c: Tensor;
    start: ProductStart;
  },
): RowKernel {
  const packed = weight[direction];
  if (!weight.words) return backend.bind(product, { a, b: heap.tensor(packed), ...result });
  const all = heap.indices(weight.words);
  const words = all.hi(Math.ceil(a.shape[0]! / 2), all.shape[1]!, PANEL);
  const round = backend.bind(roundPairs, { input: a, out: words });
  const multiply = backend.bind(productBfloat16, { a: words, b: heap.indices(packed), ...result });
  return (row0, row1) => {
    round(row0, row1);
    multiply(row0, row1);
  };
}
