import { adam } from './adam.js';
import { dropout } from './dropout.js';
import { gatherRows, rowSquares, tokenSum } from './embedding.js';
import { softmax } from './loss.js';
import { lstmBackward, lstmForward } from './lstm.js';
import { pack, packBias } from './pack.js';
import { evaluate, peak } from './probe.js';
import { product } from './product.js';
import { weightGradient } from './weight-gradient.js';

/** Every kernel, in the order of kernels/table.h: its place is the number that the compiled kernels know it by. */
export const KERNELS: readonly { readonly name: string }[] = [
  product,
  lstmForward,
  lstmBackward,
  gatherRows,
  tokenSum,
  rowSquares,
  weightGradient,
  softmax,
  adam,
  pack,
  packBias,
  dropout,
  evaluate,
  peak,
];
