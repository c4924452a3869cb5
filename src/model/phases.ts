import type { LossMode } from './loss.js';
import { hasLetters } from './graph/shape.js';
import type { NetworkSizes } from './sizes.js';
import type { ClaimedPhase } from './work/shares.js';

/**
 * The phases of a step, in order. Each is divided among the parts (workers) and ends with all of them: what a
 * phase reads from other parts, an earlier phase has written.
 *
 *   prepare               what is computed once for each distinct token: embedding, the products with it
 *   spell                 where tokens are spelled: what is made of the letters of each distinct spelling
 *   train | evaluate | predict
 *                         forward and loss, for `train` also backward, on the rows of the part's team
 *   prepare-next, go-on, predict-next | rank-next
 *                         the same for tokens whose source has been read: of the layers that do not read it; before, rows are given what those that they
 *                         go on from have ended with. Layers on top and the loss are computed piece by piece; `rank-next` tells the likeliest alone
 *   pair-tokens           where weight gradients are formed of bfloat16: what they read of the tokens, rounded once for all
 *   gradients             weight gradients: every part some stretches of the weights, over all rows
 *   distinct-gradients    gradients of what there is once for each distinct token
 *   spell-back            where tokens are spelled: from the gradients of spellings to those of their letters
 *   pair-letters          what `pair-tokens` is, of letters
 *   letter-gradients      where tokens are spelled: of weights over all letters, and of each distinct letter
 *   accumulate            where an update follows from several batches: their mean gradient
 *   update                clip, optimizer, packing: every part some stretches of the weights
 *
 * `pack` alone follows new weights (initial ones, or a checkpoint's).
 */
export type Phase = 'prepare' | 'spell' | LossMode | ClaimedPhase | 'prepare-next' | 'go-on';

/** Phases that follow each other without asking the coordinator, at most. */
export const MOST_PHASES = 16;

/** Whether the members of a team meet within a phase. */
export function isTeamPhase(phase: Phase): boolean {
  return ['train', 'evaluate', 'predict', 'go-on'].includes(phase);
}

/** Whether a network has something to do in a phase: some are of those alone that read letters, or multiply in bfloat16. */
export function hasPhase(
  { shape, precision }: Pick<NetworkSizes, 'shape' | 'precision'>,
  phase: Phase,
): boolean {
  switch (phase) {
    case 'pair-tokens':
      return precision === 'bfloat16';
    case 'pair-letters':
      return precision === 'bfloat16' && hasLetters(shape);
    case 'spell':
    case 'spell-back':
    case 'letter-gradients':
      return hasLetters(shape);
    default:
      return true;
  }
}
