import type { RowMap } from '../../backend/kernels/rows.js';
import type {
  ProjectedInput,
  SequenceCall,
  SequenceOperands,
} from '../../backend/kernels/sequence.js';
import type { BufferSpec, Tensor } from '../../tensor/heap.js';
import type { Binding } from '../binding.js';
import type { PackedWeight } from '../packed-weight.js';
import type { Initial, Parameter } from '../parameters.js';

/** A kind of cell: what tells one recurrent layer from another. */
export interface Cell {
  kind: string;
  /** What goes from token to token, the hidden state first. */
  carries: readonly string[];
  /** Which sums the rows of the weights of x_t and of h_{t−1} go into, of as many side by side. */
  inputRows: RowMap;
  hiddenRows: RowMap;
  /** Of the two biases: a value for each block of rows. */
  inputBias: Initial;
  hiddenBias: Initial;
  bindForward(binding: Binding, operands: ForwardOperands): SequenceCall;
  bindBackward(binding: Binding, operands: BackwardOperands): SequenceCall;
}

/** What a cell's kernels work on: U panels of 16 hidden units, P panels of sums for each. */
export interface CellOperands {
  /** [P U, places, 16]: sums in, gates out; backwards their gradients out */
  gates: Tensor;
  /** By what is carried: [U, places + rows, 16], the row behind the places holds the state before the first step */
  states: readonly Tensor[];
  /** Packed weights of the hidden state */
  weights: Tensor;
  sequence: Pick<SequenceOperands, 'rowStart' | 'tokenPlaces' | 'ranked' | 'counts' | 'places'>;
  /** [2 U, rows, 16], [U, rows, 16] and [P max(members, 2 U), rows, 16], by rank */
  work: { hidden: Tensor; cell: Tensor; gates: Tensor };
}

export interface ForwardOperands extends CellOperands {
  /** Where the sums' part of x_t is by distinct token. */
  projected?: ProjectedInput;
  /** [states · U, rows, 16] before the batch, zeros when absent, and after it */
  stateIn?: Tensor;
  stateOut: Tensor;
}

export interface BackwardOperands extends CellOperands {
  /** [U, places, 16]: gradient of every hidden state */
  dHidden?: Tensor;
  /** [U, rows, 16]: gradient of the last hidden state of every row */
  dLast?: Tensor;
}

export interface RecurrentParameters {
  inputWeight: Parameter;
  hiddenWeight: Parameter;
  inputBias: Parameter;
  hiddenBias: Parameter;
}

export interface RecurrentBuffers {
  inputWeight: PackedWeight;
  hiddenWeight: PackedWeight;
  bias: BufferSpec;
  /** Where the input is by distinct token: its products, and later what the gradients of its places sum up to. */
  projected?: BufferSpec;
  gates: BufferSpec;
  hidden: BufferSpec;
  /** Other states that are carried. */
  others: BufferSpec[];
  /** By slot. */
  states: BufferSpec[];
  work: {
    hidden: () => BufferSpec;
    cell: () => BufferSpec;
    gates: () => BufferSpec;
    places: () => BufferSpec;
  };
}
