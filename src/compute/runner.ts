import { parentPort } from 'node:worker_threads';
import type { Backend } from '../backend/backend.js';
import { createBackend } from '../backend/select.js';
import { isTeamPhase, type Phase } from '../model/phases.js';
import { StepResults } from '../model/batch/step-results.js';
import { isClaimedPhase } from '../model/work/shares.js';
import type { Share } from '../model/work/teams.js';
import { sharedClock } from '../system/monotonic.js';
import type { StageRunner } from './engine.js';
import { openHeap, type EngineHandle } from './engine-memory.js';
import { bindNetworks, runLocally } from './local-runner.js';
import { ABANDONED, Meeting } from './meeting.js';
import { phasesOf, type Task } from './messages.js';
import { Moments } from './moments.js';
import { Succession } from './succession.js';

/**
 * Takes part in a network's work on the calling thread: binds the kernels to the heap and returns the function
 * that runs one task.
 *
 * Between two phases a worker waits until every part has finished the first one; counts of finished phases, by part,
 * lie on the heap. When a worker dies its task is given to another, which goes on with the first phase that the part
 * has not finished: that one may be repeated from its start. If the members of teams meet within the phase, all parts
 * repeat it. At the end of a step the parts go on with the next where the coordinator has released it (see succession.ts).
 *
 * @param thread a place that no other thread holds: it decides whose scratch, stack and arguments are used
 * @param around may wrap each share of a phase; tests bring one that does harm
 */
export function joinEngine(
  handle: EngineHandle,
  thread: number,
  around: (phase: Phase, part: number, share: Share, slot: number) => Share = (
    _phase,
    _part,
    share,
  ) => share,
): (task: Task) => void {
  const { heap, plan } = openHeap(handle);
  const { parts, teams } = handle.sizes;
  const networkOf = bindNetworks(openBackend(handle, thread), heap, plan, thread);
  const meeting = new Meeting(heap, plan, handle.sizes);
  const succession = new Succession(heap, plan);
  const results = plan.results.map((spec) => new StepResults(heap, spec));
  const [moments, clock] = [new Moments(heap, plan), sharedClock()];
  /** Whether the coordinator is still to hear that a step has been followed, and whether it needs to hear that at once. */
  let [isUntold, isLate] = [false, false];

  /**
   * @param count of the phase, of all that follow each other
   * @returns whether another follows it
   */
  const goThrough = ({ stage, slot: first, part }: Task, count: number): boolean => {
    const phases = phasesOf(stage, handle.sizes);
    const [step, index] = [Math.floor(count / phases.length), count % phases.length];
    // Steps that follow each other take turns with the slots of a pair.
    const slot = step % 2 === 0 ? first : first ^ 1;
    const phase = phases[index]!;
    const isLast = index + 1 === phases.length;
    const meets = teams < parts && isTeamPhase(phase);
    for (;;) {
      const present = meeting.attempt;
      if (present === ABANDONED) return false;
      const attempt = meets ? present : 0;
      if (!meeting.hasFinished(part, count, attempt)) {
        if (isUntold && (isLate || isClaimedPhase(phase))) {
          tellNext();
          isUntold = false;
        }
        const begin = clock();
        const share = around(phase, part, networkOf(slot).run(phase, part), slot);
        if (!meets) share.next();
        else if (!meeting.attend(share, part, attempt, step)) continue;
        moments.note(slot, part, index, begin, clock());
        meeting.finish(part, count, attempt);
      }
      // Whoever has finished a phase with meetings may be needed again.
      if (isLast && !meets && succession.endsWith(step)) return false;
      const goesOn = (): boolean =>
        meets ? meeting.attempt === attempt : meeting.attempt !== ABANDONED;
      if (!meeting.awaitAll(count, attempt, goesOn)) continue;
      // Behind an update that was not applied, or a death, everybody rests.
      const isWhole = (): boolean => meeting.attempt === 0 && results[slot]!.applied;
      return !isLast || succession.goesOn(step, isWhole, begun);
    }
  };

  const begun = (waited: boolean): void => {
    [isUntold, isLate] = [true, isLate || waited];
  };

  return (task) => {
    [isUntold, isLate] = [false, false];
    for (let count = 0; goThrough(task, count); count++);
  };
}

/** Tells the coordinator, while the task goes on, that a step has been followed by the next. */
function tellNext(): void {
  parentPort!.postMessage(undefined);
}

/** Holds a place for the thread that has made the engine, and computes beside its workers, though never at the same time. */
export const COORDINATOR = -1;

/**
 * Takes a free place for a thread.
 *
 * @param threadId the worker's own, above 0, or COORDINATOR; a place it holds already is kept
 * @throws Error when every place is taken
 */
export function claimThreadPlace(
  handle: Pick<EngineHandle, 'backend' | 'sizes' | 'block'>,
  threadId: number,
): number {
  const { heap, plan } = openHeap(handle);
  const owners = heap.flatIndices(plan.threadOwners);
  for (let place = 0; place < owners.length; place++) {
    const owner = Atomics.compareExchange(owners, place, 0, threadId);
    if (owner === 0 || owner === threadId) return place;
  }
  throw new Error('no place is free for another worker thread');
}

/** Runs every phase on the calling thread: the same bits without a pool. */
export function createLocalRunner(handle: EngineHandle): StageRunner {
  return runLocally(handle, openBackend(handle, 0), 0);
}

/** @param thread a place that no other thread holds */
export function openBackend(handle: EngineHandle, thread: number): Backend {
  const { heap, plan } = openHeap(handle);
  const space = heap.doubles(plan.argumentSpaces[thread]!);
  return createBackend(handle.backend, handle.block, thread, space);
}
