import { bfloat16Bits, ofBfloat16 } from '../../tensor/bfloat16.js';
import { PANEL, type IndexTensor, type Tensor } from '../../tensor/heap.js';
import { dot, element } from './operands.js';

/*
 * Elements of matrices in bfloat16, two in a word (kernels/bfloat16.h): of two panels those of the same row and lane. A left operand
 * has pairs of panels of columns; a right one has for each panel of its columns pairs of panels of its rows.
 */

/** Which half of which word an element of a left operand is. */
export function leftPlace(
  matrix: IndexTensor,
  row: number,
  k: number,
): [word: number, half: 0 | 1] {
  const panel = Math.floor(k / PANEL);
  return [matrix.index(panel >> 1, row, k % PANEL), (panel & 1) as 0 | 1];
}

/** Which half of which word an element of a right operand is. */
export function rightPlace(
  matrix: IndexTensor,
  k: number,
  column: number,
): [word: number, half: 0 | 1] {
  const panel = Math.floor(k / PANEL);
  const line = (panel >> 1) * PANEL + (k % PANEL);
  return [matrix.index(Math.floor(column / PANEL), line, column % PANEL), (panel & 1) as 0 | 1];
}

export function readHalf({ data }: IndexTensor, [word, half]: [number, 0 | 1]): number {
  return ofBfloat16(half === 0 ? data[word]! & 0xffff : data[word]! >>> 16);
}

/** Rounds a number and puts it there. */
export function writeHalf(
  { data }: IndexTensor,
  [word, half]: [number, 0 | 1],
  value: number,
): void {
  const own = bfloat16Bits(value);
  data[word] = half === 0 ? (data[word]! & ~0xffff) | own : (data[word]! & 0xffff) | (own << 16);
}

/** Rounds a number as an operand of products. */
export function roundToBfloat16(value: number): number {
  return ofBfloat16(bfloat16Bits(value));
}

/**
 * An element's sum over k, without what it starts from: the products are exact; each pair of panels of k is summed in float32 by a chain over
 * the first panel and one over the second, both from zero, and their sum is added to those of the pairs before.
 *
 * @param left element of the left operand, which is rounded
 */
export function sumOfPairs(left: (k: number) => number, b: IndexTensor, column: number): number {
  let sum = 0;
  for (let k = 0; k < 2 * b.shape[1]!; k += 2 * PANEL) {
    const both = chain(left, b, column, k) + chain(left, b, column, k + PANEL);
    sum = Math.fround(sum + Math.fround(both));
  }
  return sum;
}

/** Rounding a float64 sum of an exact product and a float32 to float32 gives what a fused multiply-add gives: 53 ≥ 2 · 24 + 2 bits. */
function chain(left: (k: number) => number, b: IndexTensor, column: number, first: number): number {
  let sum = 0;
  for (let k = first; k < first + PANEL; k++)
    sum = Math.fround(sum + left(k) * readHalf(b, rightPlace(b, k, column)));
  return sum;
}

/** Whether a packed weight is one in bfloat16. */
export function isPaired(weight: Tensor | IndexTensor): weight is IndexTensor {
  return weight.data instanceof Int32Array;
}

/** start + Σ a[row, k] · b[k, column], in bfloat16 where the weight is. */
export function multiplied(
  start: number,
  a: Tensor,
  row: number,
  b: Tensor | IndexTensor,
  column: number,
): number {
  if (!isPaired(b)) return dot(start, a, row, b, column);
  const columns = a.shape[0]! * PANEL;
  const left = (k: number): number => (k < columns ? roundToBfloat16(element(a, row, k)) : 0);
  return start + sumOfPairs(left, b, column);
}
