import type { LossMode } from './loss.js';
import type { ClaimedPhase } from './work/shares.js';

/**
 * The phases of a step, in order. Each is divided among the parts (workers) and ends with all of them: what a
 * phase reads from other parts, an earlier phase has written.
 *
 *   prepare               what is computed once for each distinct token: embedding, the products with it
 *   spell                 where tokens are spelled: what is made of the letters of each distinct spelling
 *   train | evaluate | predict
 *                         forward and loss, for `train` also backward, on the rows of the part's team
 *   prepare-next | predict-next | rank-next
 *                         the same for tokens whose source has been read: of the layers that do not read it; before,
 *                         rows are given what those that they go on from have ended with; `rank-next` tells the likeliest alone
 *   gradients             weight gradients: every part some stretches of the weights, over all rows
 *   distinct-gradients    gradients of what there is once for each distinct token
 *   spell-back            where tokens are spelled: from the gradients of spellings to those of their letters
 *   letter-gradients      where tokens are spelled: of weights over all letters, and of each distinct letter
 *   accumulate            where an update follows from several batches: their mean gradient
 *   update                clip, optimizer, packing: every part some stretches of the weights
 *
 * `pack` alone follows new weights (initial ones, or a checkpoint's).
 */
export type Phase =
  ('prepare' | 'spell' | LossMode | ClaimedPhase) | ('prepare-next' | 'predict-next' | 'rank-next');

/** Phases that follow each other without asking the coordinator, at most. */
export const MOST_PHASES = 16;

/** Whether the members of a team meet within a phase. */
export function isTeamPhase(phase: Phase): boolean {
  return ['train', 'evaluate', 'predict', 'predict-next', 'rank-next'].includes(phase);
}

/** Whether only networks that read letters have something to do in a phase. */
export function isLetterPhase(phase: Phase): boolean {
  return phase === 'spell' || phase === 'spell-back' || phase === 'letter-gradients';
}
