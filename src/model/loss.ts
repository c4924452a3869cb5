import type { BufferSpec, HeapPlan } from '../tensor/heap.js';
import type { Binding } from './binding.js';
import type { BoundSignal, Pack } from './layer.js';
import type { Parameter } from './weights/parameters.js';
import type { Signal } from './signal.js';
import type { NetworkSizes } from './sizes.js';
import type { WorkGroup } from './work/shares.js';

/** What becomes of the top layer's outputs: gradients of the loss, its values alone, or predictions. */
export type LossMode = 'train' | 'evaluate' | 'predict';

/** A kind of loss, for the registry. */
export interface LossKind {
  kind: string;
  /** Int32 words of a target; one where absent. */
  targetWords?(top: Signal): number;
  /** What it learns itself. */
  parameters?(top: Signal): Parameter[];
  /**
   * @param options of the network's loss
   * @param output of the top layer: signal and buffer
   */
  plan(
    options: unknown,
    heap: HeapPlan,
    sizes: NetworkSizes,
    top: Signal,
    output: BufferSpec,
  ): PlannedLoss;
}

export interface PlannedLoss {
  /** [rows of the top signal]: of each target */
  losses: BufferSpec;
  /** [rows of the top signal, words of a target]: what was predicted in its place */
  predicted: BufferSpec;
  /** What the words of `predicted` and of the targets are: ids, numbers as the bits of float32, or sets of labels, a bit each. */
  compares: 'ids' | 'numbers' | 'sets';
  /** [rows of the top signal]: −ln p(target), whatever the loss makes of it; the losses themselves where they are that. */
  crossEntropies: BufferSpec;
  /** [panels, rows, 16]: probabilities after `predict`, or the number predicted */
  outputs: BufferSpec;
  /** [rows of the top signal, 16]: after `predict` and `rank` the likeliest classes and their probabilities, where rows are texts that are being written: see the kernel `rank` */
  ranked?: { ids: BufferSpec; probabilities: BufferSpec };
  /** By class: how much a target counts in the mean of a batch; absent where each counts as one. */
  targetWeights?: readonly number[];
  /** Meetings of a team beside those of the layers. */
  meetings?: number;
  /** What never changes, with its values: written once, before all steps. */
  constants?: readonly { buffer: BufferSpec; values: readonly number[] }[];
  bind(binding: Binding, top: BoundSignal): BoundLoss;
}

/**
 * Works on rows [row0, row1) of the top layer's outputs, and leaves there, for `train` their gradient, divided by what the
 * targets of the batch count, for `predict` probabilities or the number predicted. For `rank` the likeliest classes are all that is told.
 */
export type RowLoss = (mode: LossMode | 'rank', row0: number, row1: number) => void;

/** A loss of all tokens of a row together; a team meets before it, and before layers read the gradient. */
export interface ChainLoss {
  by: 'rows of tokens';
  /** The same for rows [row0, row1) of the batch. */
  run(mode: LossMode, row0: number, row1: number): void;
  /** Of its own parameters, as layers have them. */
  weightGradients?: WorkGroup[];
  packs: Pack[];
}

export type BoundLoss = RowLoss | ChainLoss;
