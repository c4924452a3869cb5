import { mostMeetings, type NetworkPlan } from '../model/plan.js';
import type { NetworkSizes } from '../model/sizes.js';
import { firstPart, teamOf, type Share } from '../model/work/teams.js';
import { PANEL, type Heap } from '../tensor/heap.js';
import { LookOut } from './look-out.js';

/** What `attempt` says when a part will never be finished: everybody goes home. */
export const ABANDONED = 0x7fff_ffff;
/** More than the attempts at a phase. The phases of all steps that follow each other, MOST_STEPS of MOST_PHASES, are fewer than 2^11: counts stay below 2^31. */
const ATTEMPTS = 2 ** 20;

/**
 * Where the parts of a stage wait for each other: all of them at the end of a phase, and the members of a team within
 * it. When a member dies the others cannot go on without it: all parts begin the phase anew, as its next attempt.
 *
 * Counts lie on the heap, one for each part: how far it has come through the stage's phases, and how often it has come
 * to a meeting of its team. Both rise from attempt to attempt, so that nobody takes a former one for the present one, and through all steps that
 * follow each other (see succession.ts), whose phases are numbered one behind the other.
 */
export class Meeting {
  readonly #progress: Int32Array;
  readonly #arrivals: Int32Array;
  readonly #attempt: Int32Array;
  /** More than the meetings of a phase. */
  readonly #stride: number;

  constructor(
    heap: Heap,
    plan: NetworkPlan,
    private readonly sizes: NetworkSizes,
  ) {
    this.#progress = heap.flatIndices(plan.progress);
    this.#arrivals = heap.flatIndices(plan.arrivals);
    this.#attempt = heap.flatIndices(plan.attempt);
    this.#stride = mostMeetings(plan) + 2;
  }

  get attempt(): number {
    return Atomics.load(this.#attempt, 0);
  }

  /** For the coordinator, before a stage and while no part is at work. */
  reset(): void {
    for (let part = 0; part < this.sizes.parts; part++) {
      Atomics.store(this.#progress, placeOf(part), 0);
      Atomics.store(this.#arrivals, placeOf(part), 0);
    }
    Atomics.store(this.#attempt, 0, 0);
  }

  /** Has all parts begin the phase anew; for the coordinator alone. */
  beginAnew(): void {
    if (this.attempt !== ABANDONED) Atomics.add(this.#attempt, 0, 1);
  }

  abandon(): void {
    Atomics.store(this.#attempt, 0, ABANDONED);
  }

  /** How many phases a part has finished, in whatever attempt. */
  phasesDone(part: number): number {
    return Math.floor(Atomics.load(this.#progress, placeOf(part)) / ATTEMPTS);
  }

  /** @param attempt 0 for phases without meetings */
  hasFinished(part: number, phase: number, attempt: number): boolean {
    return Atomics.load(this.#progress, placeOf(part)) >= progressAfter(phase, attempt);
  }

  finish(part: number, phase: number, attempt: number): void {
    Atomics.store(this.#progress, placeOf(part), progressAfter(phase, attempt));
    Atomics.notify(this.#progress, placeOf(part));
  }

  /**
   * Waits until every part has finished a phase.
   *
   * @param attempt 0 for phases without meetings
   * @param goesOn asked again and again; false ends the waiting
   * @returns false when it was ended
   */
  awaitAll(phase: number, attempt: number, goesOn: () => boolean): boolean {
    const goal = progressAfter(phase, attempt);
    for (let part = 0; part < this.sizes.parts; part++) {
      if (!awaitCount(this.#progress, placeOf(part), goal, goesOn)) return false;
    }
    return goesOn();
  }

  /**
   * Goes through one part's share of a phase together with the other members of its team.
   *
   * @param share yields where the members meet
   * @param step of those that follow each other
   * @returns false when another attempt has begun
   */
  attend(share: Share, part: number, attempt: number, step = 0): boolean {
    // No step follows one that has been begun anew.
    let count = (step + attempt) * this.#stride;
    // Nobody of the team may still be at work on the former attempt.
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

/** Where a part's count lies: each in a cache line of its own. */
function placeOf(part: number): number {
  return part * PANEL;
}

/** What a part's progress is when it has finished a phase of a stage in some attempt. */
function progressAfter(phase: number, attempt: number): number {
  return (phase + 1) * ATTEMPTS + attempt;
}

/** Waits until a count has been reached, or `goesOn` says no. */
function awaitCount(
  counts: Int32Array,
  place: number,
  goal: number,
  goesOn: () => boolean,
): boolean {
  const lookOut = new LookOut();
  for (;;) {
    const count = Atomics.load(counts, place);
    if (count >= goal) return true;
    if (!goesOn()) return false;
    lookOut.rest(counts, place, count);
  }
}
