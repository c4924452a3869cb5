import type { BufferSpec, HeapPlan } from '../tensor/heap.js';
import type { Binding } from './binding.js';
import type { BoundSignal } from './layer.js';
import type { Signal } from './signal.js';
import type { NetworkSizes } from './sizes.js';

/** What becomes of the top layer's outputs: gradients of the loss, its values alone, or predictions. */
export type LossMode = 'train' | 'evaluate' | 'predict';

/** A kind of loss, for the registry. */
export interface LossKind {
  kind: string;
  /** @param output of the top layer: signal and buffer */
  plan(heap: HeapPlan, sizes: NetworkSizes, top: Signal, output: BufferSpec): PlannedLoss;
}

export interface PlannedLoss {
  /** [rows of the top signal]: of each target, and what was predicted in its place */
  losses: BufferSpec;
  predicted: BufferSpec;
  /** [panels, rows, 16]: probabilities after `predict` */
  outputs: BufferSpec;
  bind(binding: Binding, top: BoundSignal): BoundLoss;
}

/**
 * Works on rows [row0, row1) of the top layer's outputs, and leaves there, for `train` their gradient, divided by the number of
 * targets in the batch, for `predict` probabilities.
 */
export type BoundLoss = (mode: LossMode, row0: number, row1: number) => void;
