import { PANEL, type IndexTensor, type Tensor } from '../../tensor/heap.js';
import type { Call, CallSite } from './kernel.js';
import { at, maybe } from './operands.js';

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
export type SequenceArguments = [share: Readonly<SequenceShare>, step0: number, step1: number];
export type SequenceCall = Call<SequenceArguments>;

/**
 * What both directions of a layer have in common. P is the number of panels that a cell has side by side for each 16 hidden
 * units. Work buffers are by rank and hold what goes from step to step.
 */
export interface SequenceOperands {
  /** [P U, places, 16] */
  gates: Tensor;
  /** [U, places + rows, 16]: the rows behind the places hold the state before the first step */
  hidden: Tensor;
  /** Packed W_hh: forwards [P U, 16 U, 16], backwards [U, 16 P U, 16] */
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

/** First layer: the input product by distinct token [P U, distinct, 16] and each token's row in it. */
export interface ProjectedInput {
  product: Tensor;
  rows: IndexTensor;
}

/**
 * The numbers that both directions begin with, as kernels/sequence.h takes them.
 *
 * @param cell laid out as the hidden states are; for a kind of layer that has such a state
 */
export function sequenceArguments(o: SequenceOperands, cell?: Tensor): number[] {
  const tokens = o.gates.shape[1]!;
  return [
    ...[at(o.gates), o.gates.stride[0]!, at(o.hidden), maybe(cell), o.hidden.stride[0]!],
    ...[at(o.weights), o.weights.stride[0]!, o.hidden.shape[0]!, tokens],
    ...[at(o.rowStart), at(o.tokenPlaces), at(o.ranked), at(o.counts)],
    ...[at(o.places), o.places.stride[0]!],
  ];
}

/** A call's share and steps. */
export function shareNumbers({ block, first, run }: CallSite): SequenceCall {
  return (share, step0, step1) => {
    block[first] = share.countsStart;
    block[first + 1] = share.steps;
    block[first + 2] = share.row0;
    block[first + 3] = share.unit0;
    block[first + 4] = share.unit1;
    block[first + 5] = share.member;
    block[first + 6] = step0;
    block[first + 7] = step1;
    run();
  };
}

/** Column of panel `panel` of a hidden unit in a matrix of P panels for each 16 units. */
export function unitColumn(unit: number, panel: number, panels: number): number {
  return (Math.floor(unit / PANEL) * panels + panel) * PANEL + (unit % PANEL);
}

/** Place of a row's token at step t. */
export function placeAt(o: SequenceOperands, row: number, t: number): number {
  return o.tokenPlaces.get(o.rowStart.get(row) + t);
}

/** Place of the state before the first step of a row: behind the tokens. */
export function initialPlace(o: SequenceOperands, row: number): number {
  return o.gates.shape[1]! + row;
}

/** Tokens of a worker's share of a sequence in some steps, rows in the first and in the one behind the last of these. */
export function countTokens(
  { counts }: SequenceOperands,
  { countsStart, steps }: SequenceShare,
  step0: number,
  step1: number,
): { tokens: number; rows: number; rowsAfter: number } {
  const from = Math.max(step0, 0);
  let tokens = 0;
  for (let t = from; t < step1; t++) tokens += counts.get(countsStart + t);
  return {
    tokens,
    rows: step1 > from ? counts.get(countsStart + from) : 0,
    rowsAfter: step1 < steps ? counts.get(countsStart + step1) : 0,
  };
}
