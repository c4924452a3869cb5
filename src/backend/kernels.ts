import type { DoubleTensor, IndexTensor, Tensor } from '../tensor/heap.js';

/**
 * The kernel interface. Every method takes its operands as views on the heap and returns the kernel bound to
 * them: a function of a few numbers that allocates nothing. Matrices of activations and packed weights are
 * panel matrices of shape [panels, rows, 16] (kernels/panel.h); parameters and their gradients are row-major,
 * in PyTorch's layout. Ranges are half open.
 */
export interface Kernels {
  /** C[rows, n] = start + A[rows, k] · B[k, n] for rows [row0, row1); see `ProductOperands`. */
  product(operands: ProductOperands): (row0: number, row1: number) => void;

  /** Some or all time steps of one LSTM layer, forwards, for some rows and hidden units. */
  lstmForward(operands: LstmForwardOperands): LstmCall;

  /** The same backwards: turns activated gates into the gradients of their pre-activations. */
  lstmBackward(operands: LstmBackwardOperands): LstmCall;

  /** Copies rows [row0, row1) of the distinct tokens out of the embedding table. */
  gatherRows(operands: {
    table: Tensor;
    ids: IndexTensor;
    out: Tensor;
  }): (row0: number, row1: number) => void;

  /** Sums gradient rows over the positions of each distinct token, in global order, for a range of panels. */
  tokenSum(operands: {
    gradient: Tensor;
    /** [distinct + 1]: where the positions of each distinct token begin. */
    starts: IndexTensor;
    positions: IndexTensor;
    out: Tensor;
  }): (distinct: number, panel0: number, panel1: number) => void;

  /** Sum of squares of each block of 16 rows of a panel matrix, in float64. */
  rowSquares(operands: {
    matrix: Tensor;
    sums: DoubleTensor;
  }): (rows: number, block0: number, block1: number) => void;

  /** Gradient of 16-row panels [panel0, panel1) of a weight matrix, summed in the shards' fixed tree. */
  weightGradient(operands: WeightGradientOperands): (panel0: number, panel1: number) => void;

  /** Softmax and cross-entropy in place over rows [row0, row1); scale 0 leaves probabilities. */
  softmax(operands: SoftmaxOperands): (scale: number, row0: number, row1: number) => void;

  /** One Adam update of the 16-row units [unit0, unit1) of a parameter. */
  adam(operands: AdamOperands): (unit0: number, unit1: number) => void;

  /** Packs units [unit0, unit1) of a weight matrix for the products forwards (x Wᵀ) and backwards (dy W). */
  pack(operands: {
    weight: Tensor;
    gates: boolean;
    forward: Tensor;
    backward?: Tensor;
  }): (unit0: number, unit1: number) => void;

  /** Puts a bias, or the sum of two, into panel order. */
  packBias(operands: {
    first: Tensor;
    second?: Tensor;
    gates: boolean;
    out: Tensor;
  }): (unit0: number, unit1: number) => void;

  /** Drops elements of rows [row0, row1) by counter-based random numbers; the same call gives the same mask. */
  dropout(operands: DropoutOperands): (row0: number, row1: number) => void;

  /** exp, sigmoid or tanh of `count` elements (a multiple of 16): what the cell kernels use, for tests. */
  evaluate(operands: {
    function: 'exp' | 'sigmoid' | 'tanh';
    input: Tensor;
    out: Tensor;
  }): (count: number) => void;

  /** Runs `rounds` of 20 multiply-adds on full vectors, ten of them independent: the core's peak. */
  peak(out: Tensor): (rounds: number) => void;
}

export interface ProductOperands {
  /** [k panels, rows, 16] */
  a: Tensor;
  /** [n panels, k, 16] with k padded to whole panels */
  b: Tensor;
  /** [n panels, rows, 16] */
  c: Tensor;
  /** What every sum starts from: zero, a bias [n panels · 16], or what c held before. */
  start: 'zero' | 'result' | { bias: Tensor };
}

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
 * the state before the first one.
 */
export type LstmCall = (share: Readonly<SequenceShare>, step0: number, step1: number) => void;

/** What both directions of a layer have in common. Work buffers are by rank and hold what goes from step to step. */
export interface SequenceOperands {
  /** [4U, places, 16]: panels i, f, g, o for each 16 hidden units */
  gates: Tensor;
  /** [U, places + rows, 16]: the row behind the places holds the state before the first step */
  hidden: Tensor;
  cell: Tensor;
  /** Packed W_hh: forwards [4U, 16U, 16], backwards [U, 64U, 16] */
  weights: Tensor;
  /** [rows + 1] and [tokens]: where each row begins in the list of its tokens' places, row after row. */
  rowStart: IndexTensor;
  tokenPlaces: IndexTensor;
  /** [rows]: the row of each rank, within a share by falling length. */
  ranked: IndexTensor;
  counts: IndexTensor;
  /** [2 members, rows]: work */
  places: IndexTensor;
}

export interface LstmForwardOperands extends SequenceOperands {
  /** First layer: the input product by distinct token [4U, distinct, 16] and each token's row in it. Other layers
   * have it in `gates`, which the activated gates replace. */
  projected?: { product: Tensor; rows: IndexTensor };
  /** [2U, rows, 16]: carried hidden state, then cell state; zeros when absent */
  stateIn?: Tensor;
  /** [2U, rows, 16]: both after the last step of every row */
  stateOut: Tensor;
  /** [2U, rows, 16], [U, rows, 16] and [4 members, rows, 16] */
  work: { hidden: Tensor; cell: Tensor; gates: Tensor };
}

export interface LstmBackwardOperands extends SequenceOperands {
  /** [U, places, 16]: gradient from the layer above for every token */
  dHidden?: Tensor;
  /** [U, rows, 16]: gradient of the last hidden state of every row, instead */
  dLast?: Tensor;
  /** [8U, rows, 16], [2 members, rows, 16] and [U, rows, 16] */
  work: { gates: Tensor; hidden: Tensor; cell: Tensor };
}

export interface WeightGradientOperands {
  /** [panels, tokens, 16] */
  dOutput: Tensor;
  /** [column panels, tokens, 16] */
  input: Tensor;
  /** Row of the k-th token in `dOutput` and in `input`; the k-th row when absent. */
  orderOutput?: IndexTensor;
  orderInput?: IndexTensor;
  /** How many tokens from the k-th on lie one behind the other in both; needed with an order. */
  runs?: IndexTensor;
  /** [segments + 1]: first k of each shard; the number of shards is a power of two. */
  segments: IndexTensor;
  /** [rows, 16 · column panels], row-major */
  out: Tensor;
  /** Whether panels are LSTM gates in panel order, rows of `out` in PyTorch's order i, f, g, o. */
  gates: boolean;
  /** [rows]: sum of dOutput over the tokens, and how many bias vectors share it. */
  bias?: { out: Tensor; copies: number };
  /** [panels]: sum of squares of each panel's rows, biases included. */
  squares: DoubleTensor;
  /** At least `GRADIENT_SCRATCH` floats of this thread's own. */
  scratch: Tensor;
}

/**
 * Floats of scratch that `weightGradient` needs: a block of 32 × 48 for each of at most 11 levels of the tree, and
 * for the sum of a segment so far; and 32 × 16 float64 sums of squares.
 */
export const GRADIENT_SCRATCH = 12 * 32 * 48 + 2 * 32 * 16;

/** Floats of scratch that `adam` needs: 16 rows, and the vector that the last one may reach into. */
export function adamScratch(columns: number): number {
  return 16 * columns + 16;
}

export interface SoftmaxOperands {
  /** [class panels, rows, 16]: logits in, probabilities or the gradient of the loss out */
  logits: Tensor;
  classes: number;
  targets?: IndexTensor;
  /** [rows]: −ln p(target) */
  losses: Tensor;
  /** [rows]: the most probable class, the first of equals */
  predicted: IndexTensor;
}

export interface AdamOperands {
  /** [rows, columns] or [rows] */
  parameter: Tensor;
  moment1: Tensor;
  moment2: Tensor;
  /**
   * The gradient: like the parameter, but a matrix has whole panels of columns; or by distinct token [column panels, tokens,
   * 16] with `index` [rows] telling each row's place or −1.
   */
  gradient: Tensor;
  index?: IndexTensor;
  gates: boolean;
  /** [units]: the step each unit has been brought to. */
  done: IndexTensor;
  settings: DoubleTensor;
  /** At least `adamScratch(columns)` floats of this thread's own. */
  scratch: Tensor;
}

/** Order of the numbers in `AdamOperands.settings`. */
export const ADAM_SETTINGS = [
  'step',
  'scale',
  'stepSize',
  'beta1',
  'beta2',
  'oneMinusBeta1',
  'oneMinusBeta2',
  'inverseCorrection2',
  'epsilon',
  'clipNorm',
] as const;
export type AdamSettings = Record<(typeof ADAM_SETTINGS)[number], number>;

export interface DropoutOperands {
  input: Tensor;
  out: Tensor;
  /** [rows]: number of each row in the batch, the same whoever computes it; its own index when absent */
  numbers?: IndexTensor;
  /** Share of elements dropped, in steps of 1/65536. */
  rate: number;
  seed: number;
  /** Tells layers apart. */
  stream: number;
  /** [1]: the step under way */
  step: DoubleTensor;
}

/** How results are rounded: equal profiles give equal bits. */
export type NumericProfile = 'fma-float32' | 'muladd-float32' | 'float64';

/** Kernels bound to the memory of one heap, on one thread. */
export interface Backend extends Kernels {
  readonly name: string;
  readonly profile: NumericProfile;
  /** Floats of a vector. */
  readonly lanes: number;
}

/** The compiled kernels in the order of their numbers, as in kernels/table.h. */
export const KERNEL_NAMES = [
  'product',
  'lstm_forward',
  'lstm_backward',
  'gather_rows',
  'token_sum',
  'row_squares',
  'weight_gradient',
  'softmax',
  'adam',
  'pack',
  'pack_bias',
  'dropout',
  'evaluate',
  'peak',
] as const;
export type KernelName = (typeof KERNEL_NAMES)[number];
