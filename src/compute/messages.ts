import type { Phase } from '../model/network.js';

/**
 * Phases that workers run one after the other without asking the coordinator: between two of them they only
 * wait for each other.
 */
export const STAGES = {
  pack: ['pack'],
  train: ['prepare', 'train', 'gradients', 'distinct-gradients', 'update'],
  accumulate: ['prepare', 'train', 'gradients', 'distinct-gradients', 'accumulate'],
  'train-accumulated': [
    'prepare',
    'train',
    'gradients',
    'distinct-gradients',
    'accumulate',
    'update',
  ],
  evaluate: ['prepare', 'evaluate'],
  predict: ['prepare', 'predict'],
} as const satisfies Record<string, readonly Phase[]>;

export type Stage = keyof typeof STAGES;

/** One worker's share of a stage: all that is ever posted to a worker. */
export interface Task {
  stage: Stage;
  /** Which laid-out batch. */
  slot: number;
  part: number;
}
