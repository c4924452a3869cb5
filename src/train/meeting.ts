import type { Share } from '../model/network.js';
import type { NetworkPlan, NetworkSizes } from '../model/plan.js';
import { firstPart, teamOf } from '../model/teams.js';
import { PANEL, type Heap } from '../tensor/heap.js';

/** How long a thread looks for another before it goes to sleep, and how long it sleeps at most, in milliseconds. */
const SPIN_MS = 0.1;
const NAP_MS = 5;
/** How often it looks before it looks at the clock, too. */
const LOOKS = 32;

/** What `attempt` says when a part will never be finished: everybody goes home. */
export const ABANDONED = 0x7fff_ffff;

/** Where a part's count lies: each in a cache line of its own. */
export function placeOf(part: number): number {
  return part * PANEL;
}

/**
 * Waits until a count has been reached.
 *
 * @param goesOn asked again and again; false ends the waiting
 * @returns whether it has been reached
 */
export function awaitCount(
  counts: Int32Array,
  place: number,
  goal: number,
  goesOn: () => boolean,
): boolean {
  const start = performance.now();
  for (let look = 1; ; look++) {
    const count = Atomics.load(counts, place);
    if (count >= goal) return true;
    if (!goesOn()) return false;
    if (look % LOOKS === 0 && performance.now() - start > SPIN_MS) {
      Atomics.wait(counts, place, count, NAP_MS);
    }
  }
}

/**
 * Where the members of a team wait for each other within a phase: every part counts its arrivals on the heap. When one
 * of them dies the others cannot go on: all begin the phase anew, as the next attempt.
 */
export class Meeting {
  readonly #arrivals: Int32Array;
  readonly #attempt: Int32Array;
  /** More than the meetings of a phase. */
  readonly #stride: number;

  constructor(
    heap: Heap,
    plan: NetworkPlan,
    private readonly sizes: NetworkSizes,
  ) {
    this.#arrivals = heap.flatIndices(plan.arrivals);
    this.#attempt = heap.flatIndices(plan.attempt);
    this.#stride = 2 * sizes.shape.layers.length * (sizes.maxSteps + 4);
  }

  get attempt(): number {
    return Atomics.load(this.#attempt, 0);
  }

  /** For the coordinator, while no part is at work. */
  reset(): void {
    for (let part = 0; part < this.sizes.parts; part++) {
      Atomics.store(this.#arrivals, placeOf(part), 0);
    }
    Atomics.store(this.#attempt, 0, 0);
  }

  /** Has everybody begin the phase anew. */
  beginAnew(): void {
    Atomics.add(this.#attempt, 0, 1);
  }

  abandon(): void {
    Atomics.store(this.#attempt, 0, ABANDONED);
  }

  /**
   * Goes through one part's share of a phase together with the other members of its team.
   *
   * @param share yields where the members meet
   * @returns false when another attempt has begun
   */
  attend(share: Share, part: number, attempt: number): boolean {
    let count = attempt * this.#stride;
    // Nobody may still be at work on the former attempt.
    if (attempt > 0 && !this.#meet(part, ++count, attempt)) return false;
    while (share.next().done !== true) {
      if (!this.#meet(part, ++count, attempt)) return false;
    }
    return true;
  }

  #meet(part: number, count: number, attempt: number): boolean {
    const team = teamOf(this.sizes, part);
    const end = firstPart(this.sizes, team + 1);
    const goesOn = (): boolean => this.attempt === attempt;
    Atomics.store(this.#arrivals, placeOf(part), count);
    Atomics.notify(this.#arrivals, placeOf(part));
    for (let other = firstPart(this.sizes, team); other < end; other++) {
      if (!awaitCount(this.#arrivals, placeOf(other), count, goesOn)) return false;
    }
    // A member that went on to the next attempt has come further, too.
    return goesOn();
  }
}
