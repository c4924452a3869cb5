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

/**
 * start + Σ a[row, k] · b[k, column] over the columns k of `a`, in their order. By places in the data, since by `element` whole
 * networks would take three times as long.
 */
export function dot(start: number, a: Tensor, row: number, b: Tensor, column: number): number {
  const [ofA, ofB] = [a.data, b.data];
  const [stepA, stepB] = [a.stride[0]!, b.stride[1]!];
  let placeB = b.index(Math.floor(column / PANEL), 0, column % PANEL);
  let sum = start;
  for (let panel = 0; panel < a.shape[0]!; panel++) {
    const first = a.offset + panel * stepA + row * PANEL;
    for (let lane = 0; lane < PANEL; lane++, placeB += stepB) {
      sum += ofA[first + lane]! * ofB[placeB]!;
    }
  }
  return sum;
}

/** Columns of a panel matrix, those that fill up its last panel included. */
export function columnsOf(matrix: Tensor): number {
  return matrix.shape[0]! * PANEL;
}

export function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}
