import type { NetworkPlan } from '../model/plan.js';
import type { Heap } from '../tensor/heap.js';
import { LookOut } from './look-out.js';

/** Steps that follow each other at most before the coordinator begins one anew: progress is counted on through all of them. */
export const MOST_STEPS = 100;

/** What is said of the step behind one that has begun; behind these numbers its own beginning. */
const RELEASED = 1;
const CLOSED = 2;
const STATES = 4;

/**
 * How steps follow each other without the coordinator. While workers are at one, the coordinator may release the next, for which everything
 * lies ready in the other slot of the pair: whoever of them comes first to the end of the present one decides for all whether they go on.
 *
 * One number on the heap, which only rises: 4k says that step k has begun, of those that follow each other, from 0; 4k + 1 that the next is released;
 * 4k + 2 that none follows.
 */
export class Succession {
  readonly #word: Int32Array;

  constructor(heap: Heap, { succession }: Pick<NetworkPlan, 'succession'>) {
    this.#word = heap.flatIndices(succession);
  }

  /** For the coordinator, before a stage and while no part is at work. @param isFollowed whether another may follow it */
  begin(isFollowed: boolean): void {
    Atomics.store(this.#word, 0, isFollowed ? 0 : CLOSED);
  }

  /** The latest step that has begun. */
  get begun(): number {
    return Math.floor(Atomics.load(this.#word, 0) / STATES);
  }

  /** For the coordinator. @returns whether the step behind the latest may be begun: false when none is to follow */
  release(): boolean {
    const begun = STATES * this.begun;
    const isLast = begun + STATES === STATES * MOST_STEPS;
    return this.#say(begun, begun + (isLast ? CLOSED : RELEASED)) && !isLast;
  }

  /** No step follows the latest that has begun. For the coordinator, and for workers at its end. */
  close(): void {
    for (;;) {
      const word = Atomics.load(this.#word, 0);
      const state = word % STATES;
      if (state === CLOSED || this.#say(word, word - state + CLOSED)) return;
    }
  }

  /** Whether it has been said that a step is the last one. */
  endsWith(step: number): boolean {
    return Atomics.load(this.#word, 0) === STATES * step + CLOSED;
  }

  /**
   * For a part, when all have finished a step: whether they go on with the next, all of them alike.
   *
   * @param isWhole asked of the first to come: whether another may follow what came of it
   * @param begun called by the one part that has had the next step begin; hears whether it had to wait until that was released
   */
  goesOn(step: number, isWhole: () => boolean, begun: (waited: boolean) => void): boolean {
    const present = STATES * step;
    const next = present + STATES;
    const lookOut = new LookOut();
    for (;;) {
      const word = Atomics.load(this.#word, 0);
      if (word >= next) return true;
      if (word === present + CLOSED) return false;
      if (!isWhole()) this.#say(word, present + CLOSED);
      else if (word === present + RELEASED) {
        if (this.#say(word, next)) begun(lookOut.isLong);
      } else if (lookOut.rest(this.#word, 0, word)) this.#say(word, present + CLOSED);
    }
  }

  #say(expected: number, word: number): boolean {
    const said = Atomics.compareExchange(this.#word, 0, expected, word) === expected;
    if (said) Atomics.notify(this.#word, 0);
    return said;
  }
}
