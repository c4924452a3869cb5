import type { IndexTensor, Tensor } from '../../tensor/heap.js';
import type { Call } from './kernel.js';

/**
 * One worker's share of a layer's sequence: the rows of ranks row0, row0 + 1, …, of which the first
 * `counts[countsStart + t]` are running at step t, and a stretch of the hidden units.
 */
export interface SequenceShare {
  countsStart: number;
  /** Of the longest row. */
  steps: number;
  row0: number;
  /** Panels of 16 hidden units [unit0, unit1). */
  unit0: number;
  unit1: number;
  /** Place among those who share the rows: whose work buffers to use. */
  member: number;
}

/**
 * Runs steps [step0, step1), backwards from the last one. Each needs the former step of all units. Step −1 stands for
 * the state before the first one, backwards for its gradient, which is left out where nobody asks for it. Where a time step has parts, each of which needs the one before it of all units, these are
 * what is counted: 2t and 2t + 1, of two.
 */
export type SequenceArguments = [share: Readonly<SequenceShare>, step0: number, step1: number];
export type SequenceCall = Call<SequenceArguments>;

/**
 * What both directions of a layer have in common. P and W are the panels that a cell has for each 16 hidden units: of sums,
 * and of these with a product. Work buffers are by rank and hold what goes from step to step.
 */
export interface SequenceOperands {
  /** [P U, places, 16]: what forward keeps of the sums, and their gradients */
  gates: Tensor;
  /** [U, places + rows, 16]: the rows behind the places hold the state before the first step */
  hidden: Tensor;
  /** The same for cell states, of a layer that has them. */
  cell?: Tensor;
  /** Packed W_hh: forwards [W U, 16 U, 16], backwards [U, 16 W U, 16]; in bfloat16 as `packPairs` packs it, where there are words for the work */
  weights: Tensor | IndexTensor;
  /** [rows + 1] and [tokens]: where each row begins in the list of its tokens' places, row after row. */
  rowStart: IndexTensor;
  tokenPlaces: IndexTensor;
  /** [rows]: the row of each rank, within a share by falling length. */
  ranked: IndexTensor;
  counts: IndexTensor;
  /** [2 members, rows]: work */
  places: IndexTensor;
  /**
   * Where a step has two halves: what the second one multiplies in place of h_{t−1}, [U, places, 16], and the weights of that, packed
   * as the others.
   */
  inner?: { values: Tensor; weights: Tensor | IndexTensor };
  /** Of cells with layer normalization. */
  norm?: CellNormOperands;
}

/** Layer normalization of what comes from h_{t−1}, and of a cell state before it shows. */
export interface CellNormOperands {
  /** [P U, places, 16]: the products with h_{t−1}, in the panels of the sums that they are added to; and backwards their gradient */
  raw: Tensor;
  dRaw?: Tensor;
  /** [16 P U] */
  gain: Tensor;
  /** [16 U] each, where the cell state is normalised; and backwards the gradient of what they give, [U, places, 16] */
  state?: { gain: Tensor; bias: Tensor };
  dState?: Tensor;
  /** [2, places]: of the products of every token the mean, and what distances from it are multiplied by; [4, places] with those of its cell state */
  statistics: Tensor;
  hiddenSize: number;
  /** Added to mean squares. */
  epsilon: number;
}

export interface ForwardOperands extends SequenceOperands {
  /** First layer: the input product by distinct token [P U, distinct, 16] and each token's row in it. Other layers
   * have it in `gates`, which what forward keeps replaces. */
  projected?: { product: Tensor; rows: IndexTensor };
  /** [states · U, rows, 16]: carried hidden state, then cell state; zeros when absent */
  stateIn?: Tensor;
  /**
   * Where several rows may begin with the same state, which row of `stateIn` each does, and what W_hh makes of these, [W U, rows, 16]: in the first
   * step it is added to what comes from below. Only of cells that multiply W_hh with h_{t−1} as it is, all in one.
   */
  shared?: { rows: IndexTensor; products: Tensor };
  /** [states · U, rows, 16]: the same after the last step of every row */
  stateOut: Tensor;
  /** [2U, rows, 16], [U, rows, 16] and [P members, rows, 16], or twice as many where P is 1 or there are words */
  work: SequenceWork;
}

export interface BackwardOperands extends SequenceOperands {
  /** [U, places, 16]: gradient from the layer above for every token */
  dHidden?: Tensor;
  /** [U, rows, 16]: what is added to that of the last hidden state of every row */
  dLast?: Tensor;
  /** [states · U, rows, 16]: where step −1 leaves the gradient of the state before the first step */
  dInitial?: Tensor;
  /** [2 W U, rows, 16], [2 members, rows, 16] and [U, rows, 16] */
  work: SequenceWork;
}

export interface SequenceWork {
  gates: Tensor;
  hidden: Tensor;
  cell: Tensor;
  /**
   * Where products are of bfloat16: what weights are multiplied with, two numbers in a word: forwards [2 ⌈U/2⌉, rows, 16], or 3 where there
   * are inner weights; backwards [2 ⌈W U/2⌉, rows, 16], W without inner weights, and with these ⌈U/2⌉ more. Each member's units begin with an even one.
   */
  words?: IndexTensor;
}

/** What of a kind of recurrent layer is to be known of its kernels. */
export interface CellKernels {
  /** Before _forward and _backward. */
  name: string;
  panels: number;
  /** Panels of W_hh for each 16 units, those of inner weights included. */
  products: number;
  states: 1 | 2;
  /** Of a time step: parts between which a team meets. */
  halves: number;
}

/** What tells one kind of recurrent layer from others; as its C source says it. */
export interface Cell {
  /** Of its kernels, before _forward and _backward. */
  name: string;
  panels: number;
  /** The panel of sums that each panel of the packed W_hh is added to. */
  productPanels: readonly number[];
  /** 1: the hidden state goes from step to step; 2: a cell state does, too. */
  states: 1 | 2;
  /** One hidden unit at one step; `sums` has P numbers, `kept` of the result too. */
  forward(o: { sums: readonly number[]; previousHidden: number; previousCell: number }): {
    kept: readonly number[];
    hidden: number;
    cell: number;
  };
  /**
   * Gradients of the sums of one hidden unit, and what goes to the step before besides them. `carried` comes from the step
   * behind.
   */
  backward(o: {
    kept: readonly number[];
    dHidden: number;
    carried: number;
    hidden: number;
    cell: number;
    previousHidden: number;
    previousCell: number;
  }): { gradients: readonly number[]; carried: number };
}
