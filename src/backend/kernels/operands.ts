import { PANEL, type DoubleTensor, type IndexTensor, type Tensor } from '../../tensor/heap.js';

/** Byte offset of a view on the heap. */
export function at(tensor: Tensor | IndexTensor | DoubleTensor): number {
  return tensor.offset * tensor.data.BYTES_PER_ELEMENT;
}

/** The same, or 0 for an absent operand: no buffer lies at the heap's very start. */
export function maybe(tensor: Tensor | IndexTensor | undefined): number {
  return tensor ? at(tensor) : 0;
}

/** Element (row, column) of a panel matrix. */
export function element(matrix: Tensor, row: number, column: number): number {
  return matrix.get(Math.floor(column / PANEL), row, column % PANEL);
}

export function setElement(matrix: Tensor, row: number, column: number, value: number): void {
  matrix.set(Math.floor(column / PANEL), row, column % PANEL, value);
}

/** Columns of a panel matrix, those that fill up its last panel included. */
export function columnsOf(matrix: Tensor): number {
  return matrix.shape[0]! * PANEL;
}

export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}
