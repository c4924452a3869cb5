import type { Kernel } from '../../backend/kernels/kernel.js';
import type { RowMap } from '../../backend/kernels/rows.js';
import type {
  BackwardOperands,
  ForwardOperands,
  SequenceArguments,
} from '../../backend/kernels/sequence.js';
import type { BufferSpec } from '../../tensor/heap.js';
import type { PackedWeight } from '../weights/packed-weight.js';
import type { PlannedProduct } from '../weights/products.js';
import type { Initial, Parameter } from '../weights/parameters.js';
import type { Signal } from '../signal.js';

/** A kind of cell: what tells one recurrent layer from another. */
export interface CellKind {
  /** What goes from token to token: the hidden state, and of some a cell state. */
  carries: readonly ['hidden'] | readonly ['hidden', 'cell'];
  /** Which sums the rows of the weights of x_t and of h_{t−1} are added to, of as many side by side. */
  inputRows: RowMap;
  hiddenRows: RowMap;
  /**
   * How many of the last blocks of W_hh are multiplied not with h_{t−1} but with what the cell makes of it; none where absent. A time
   * step then has two halves, since the second one needs the first one of all units.
   */
  innerBlocks?: number;
  /** Of the two biases: a value for each block of rows. */
  inputBias: Initial;
  hiddenBias: Initial;
  forward: Kernel<ForwardOperands, SequenceArguments>;
  backward: Kernel<BackwardOperands, SequenceArguments>;
  /** In place of these the kernels with layer normalization, for cells that may have it; whether their cell state has it, too. */
  normed?: {
    forward: Kernel<ForwardOperands, SequenceArguments>;
    backward: Kernel<BackwardOperands, SequenceArguments>;
    state: boolean;
  };
}

/** From which end rows are read. */
export type Direction = 'forwards' | 'backwards';

export interface RecurrentParameters {
  inputWeight: Parameter;
  hiddenWeight: Parameter;
  inputBias: Parameter;
  hiddenBias: Parameter;
  /** By state: what rows start from, where that is learned. */
  initial?: readonly Parameter[];
  norm?: NormParameters;
}

/** Of layer normalization: what normalised values are multiplied by; and of the cell state what is added to them. */
export interface NormParameters {
  inputGain: Parameter;
  hiddenGain: Parameter;
  state?: { gain: Parameter; bias: Parameter };
}

export interface NormBuffers {
  /** [P U, rows of the input, 16]: the products with x_t as they are, and of every row mean and scale */
  input: BufferSpec;
  inputStatistics: BufferSpec;
  /** [P U, places, 16]: those with h_{t−1}, in the panels of the sums that they are added to */
  hidden: BufferSpec;
  /** [2, places], or [4, places] with those of the cell state */
  statistics: BufferSpec;
  packed: {
    inputGain: BufferSpec;
    hiddenGain: BufferSpec;
    state?: { gain: BufferSpec; bias: BufferSpec };
  };
  /** Gradients by place, in training. */
  gradients?: { input: BufferSpec; hidden: BufferSpec; state?: BufferSpec };
}

/** W_hh: the packed blocks of h_{t−1}, and those of what is made of it. */
export interface PackedHiddenWeight {
  outer: PackedWeight;
  inner?: PackedWeight;
}

/** Where the initial state is learned, or given by another layer. */
export interface InitialBuffers {
  /** [16 · panels] of all states, zeros behind the last column of each: where it is learned */
  packed?: BufferSpec;
  /** [panels, rows, 16]: what each row starts from, and its gradient in training */
  rows: BufferSpec;
  gradient?: BufferSpec;
}

export interface RecurrentBuffers {
  inputWeight: PlannedProduct;
  hiddenWeight: PackedHiddenWeight;
  /** With dropped weights: what is left of W_hh in the step under way. */
  droppedWeight?: { value: BufferSpec; packed: PackedHiddenWeight };
  bias: BufferSpec;
  /** Where the input is by distinct token: its products, and later what the gradients of its places sum up to. */
  projected?: BufferSpec;
  gates: BufferSpec;
  hidden: BufferSpec;
  cell?: BufferSpec;
  /** What inner blocks are multiplied with, by token. */
  inner?: BufferSpec;
  /** What the gradient of W_hh reads of the hidden states, and of that, where it is formed of bfloat16. */
  gradientInputs?: { hidden: BufferSpec; inner?: BufferSpec | undefined };
  initial?: InitialBuffers;
  norm?: NormBuffers;
  /** Where rows may go on from others, of which several may go on from one: the products of W_hh with the states of these, [W U, rows, 16]. */
  shared?: { products: BufferSpec; words?: BufferSpec };
  /** By slot: what is carried; where rows do not begin with zeros, a last panel says of which rows. */
  states: BufferSpec[];
  work: {
    hidden: () => BufferSpec;
    cell: () => BufferSpec;
    gates: () => BufferSpec;
    places: () => BufferSpec;
    /** Where products are of bfloat16. */
    words?: () => BufferSpec;
  };
}

/** A recurrent layer, planned. */
export interface PlannedRecurrence {
  cell: CellKind;
  parameters: RecurrentParameters;
  buffers: RecurrentBuffers;
  direction: Direction;
  /** Share of the weights of h_{t−1} that is dropped in training. */
  weightDropout: number;
  inputPer: Signal['per'];
}

/** Parts of a time step between which a team meets: two where there are two products, one behind the other. */
export function partsOf({ innerBlocks = 0, normed }: CellKind, isNormed: boolean): number {
  if (isNormed) return normed!.state ? 3 : 2;
  return innerBlocks > 0 ? 2 : 1;
}
