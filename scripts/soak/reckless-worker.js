/**
 * A compute thread that dies now and then, for `npm run soak`: before a phase of its work or behind one, once in some
 * thousand phases, in a way drawn by lot.
 */
import { joinMortal, WAYS_TO_DIE } from '../../test/faults/deaths.js';

const PHASES_PER_DEATH = 1500;

export default joinMortal(() =>
  Math.random() * 2 * PHASES_PER_DEATH < 1
    ? WAYS_TO_DIE[Math.floor(Math.random() * WAYS_TO_DIE.length)]
    : undefined,
);
