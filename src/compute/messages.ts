import { hasPhase, type Phase } from '../model/phases.js';
import type { NetworkSizes } from '../model/sizes.js';

const GRADIENTS = [
  ...(['train', 'pair-tokens', 'gradients', 'distinct-gradients'] as const),
  ...(['spell-back', 'pair-letters', 'letter-gradients'] as const),
] as const;

/**
 * Phases that workers run one after the other without asking the coordinator: between two of them they only
 * wait for each other.
 */
const STAGES = {
  pack: ['pack'],
  train: ['prepare', 'spell', ...GRADIENTS, 'update'],
  accumulate: ['prepare', 'spell', ...GRADIENTS, 'accumulate'],
  'train-accumulated': ['prepare', 'spell', ...GRADIENTS, 'accumulate', 'update'],
  evaluate: ['prepare', 'spell', 'evaluate'],
  predict: ['prepare', 'spell', 'predict'],
  'predict-next': ['prepare-next', 'go-on', 'predict-next'],
  'rank-next': ['prepare-next', 'go-on', 'rank-next'],
} as const satisfies Record<string, readonly Phase[]>;

export type Stage = keyof typeof STAGES;

/** By the sizes of a network: workers ask for them in every step. */
const known = new WeakMap<object, Partial<Record<Stage, readonly Phase[]>>>();

/** The phases of a stage, for a network: nobody waits for those in which it has nothing to do. */
export function phasesOf(
  stage: Stage,
  sizes: Pick<NetworkSizes, 'shape' | 'precision'>,
): readonly Phase[] {
  const ofSizes = known.get(sizes) ?? {};
  known.set(sizes, ofSizes);
  return (ofSizes[stage] ??= STAGES[stage].filter((phase) => hasPhase(sizes, phase)));
}

/** One worker's share of a stage: all that is ever posted to a worker. */
export interface Task {
  stage: Stage;
  /** Which laid-out batch. */
  slot: number;
  part: number;
}
