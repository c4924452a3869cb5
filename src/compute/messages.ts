import { isLetterPhase, type Phase } from '../model/phases.js';
import { hasLetters, type NetworkShape } from '../model/shape.js';

const GRADIENTS = [
  ...(['train', 'gradients', 'distinct-gradients'] as const),
  ...(['spell-back', 'letter-gradients'] as const),
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
  'predict-next': ['prepare-next', 'predict-next'],
  'rank-next': ['prepare-next', 'rank-next'],
} as const satisfies Record<string, readonly Phase[]>;

export type Stage = keyof typeof STAGES;

const without = (stage: Stage): readonly Phase[] =>
  STAGES[stage].filter((phase) => !isLetterPhase(phase));

const WITHOUT_LETTERS: Record<Stage, readonly Phase[]> = {
  pack: without('pack'),
  train: without('train'),
  accumulate: without('accumulate'),
  'train-accumulated': without('train-accumulated'),
  evaluate: without('evaluate'),
  predict: without('predict'),
  'predict-next': without('predict-next'),
  'rank-next': without('rank-next'),
};

/** The phases of a stage, for a network: whoever reads no letters does not wait for what has to do with them. */
export function phasesOf(stage: Stage, shape: Pick<NetworkShape, 'features'>): readonly Phase[] {
  return (hasLetters(shape) ? STAGES : WITHOUT_LETTERS)[stage];
}

/** One worker's share of a stage: all that is ever posted to a worker. */
export interface Task {
  stage: Stage;
  /** Which laid-out batch. */
  slot: number;
  part: number;
}
