import type { Kernel } from '../../backend/kernels/kernel.js';
import type { RowMap } from '../../backend/kernels/rows.js';
import type {
  BackwardOperands,
  ForwardOperands,
  SequenceArguments,
} from '../../backend/kernels/sequence.js';
import type { BufferSpec } from '../../tensor/heap.js';
import type { PackedWeight } from '../packed-weight.js';
import type { Initial, Parameter } from '../parameters.js';
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
}

/** W_hh: the packed blocks of h_{t−1}, and those of what is made of it. */
export interface PackedHiddenWeight {
  outer: PackedWeight;
  inner?: PackedWeight;
}

/** Where the initial state is learned. */
export interface InitialBuffers {
  /** [16 · panels] of all states, zeros behind the last column of each */
  packed: BufferSpec;
  /** [panels, rows, 16]: what each row starts from, and its gradient in training */
  rows: BufferSpec;
  gradient?: BufferSpec;
}

export interface RecurrentBuffers {
  inputWeight: PackedWeight;
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
  initial?: InitialBuffers;
  /** By slot: what is carried; where the initial state is learned, a last panel says of which rows. */
  states: BufferSpec[];
  work: {
    hidden: () => BufferSpec;
    cell: () => BufferSpec;
    gates: () => BufferSpec;
    places: () => BufferSpec;
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

/** Halves of a time step of a cell, or the step as a whole. */
export function halvesOf({ innerBlocks = 0 }: CellKind): number {
  return innerBlocks > 0 ? 2 : 1;
}
