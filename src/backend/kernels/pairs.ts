import { bfloat16Bits, ofBfloat16 } from '../../tensor/bfloat16.js';
import { PANEL, type IndexTensor } from '../../tensor/heap.js';

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
