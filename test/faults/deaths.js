/** Compute threads that die as they are told to: for tests and `npm run soak`, in plain JavaScript so that Node runs it. */
import { closeSync, openSync } from 'node:fs';
import path from 'node:path';
import { setImmediate } from 'node:timers';
import { threadId, workerData } from 'node:worker_threads';
import { CLAIMED_PHASES } from '../../dist/src/model/work/shares.js';
import { openHeap } from '../../dist/src/compute/engine-memory.js';
import { phasesOf } from '../../dist/src/compute/messages.js';
import { SLOT } from '../../dist/src/model/sizes.js';
import { claimThreadPlace, joinEngine } from '../../dist/src/compute/runner.js';

function fail() {
  throw new Error('struck by the test');
}

/** Ways to die in the middle of a phase. */
const suddenly = {
  exit: () => process.exit(3),
  'out of memory': () => {
    // Piece by piece: one that is larger than all that is left may end the whole process.
    for (let kept; ;) kept = { kept, more: [1, 2, 3] };
  },
};

/** Ways to die as soon as the thread gets back to its event loop, with its task not yet answered. */
const afterwards = {
  'uncaught error': () => setImmediate(fail),
  'rejected promise': () => void Promise.reject(new Error('struck by the test')),
};

export const WAYS_TO_DIE = [...Object.keys(suddenly), ...Object.keys(afterwards)];

/**
 * The function that runs a compute thread's tasks.
 *
 * @param {(when: 'before' | 'between' | 'amid' | 'after', phase: string, part: number, step: number, met: number) => string | undefined} strike
 *   is asked around each phase, between the meetings of a team within it, of which it hears how many there have been, and when a piece of work has been claimed but not
 *   done, for one of WAYS_TO_DIE, or 'error' for an error that the thread survives
 */
export function joinMortal(strike) {
  let dying = false;
  const die = (way) => {
    if (way === undefined) return;
    if (way === 'error') fail();
    suddenly[way]?.();
    afterwards[way]();
    dying = true;
  };
  const stepOf = stepsOfSlots(workerData);
  const runTask = joinEngine(
    workerData,
    claimThreadPlace(workerData, threadId),
    function* (phase, part, share, slot) {
      let met = 0;
      const consider = (when) => die(strike(when, phase, part, stepOf(slot), met));
      // Steps may follow each other for long until the thread gets to its event loop by itself.
      if (dying) throw new Error('on the way to its death');
      consider('before');
      const claim = Atomics.compareExchange;
      Atomics.compareExchange = (...place) => {
        const former = claim(...place);
        if (former === 0) consider('amid');
        return former;
      };
      try {
        for (const meeting of share) {
          met++;
          consider('between');
          yield meeting;
        }
      } finally {
        Atomics.compareExchange = claim;
      }
      consider('after');
    },
  );
  return (task) => {
    try {
      runTask(task);
    } catch (error) {
      if (!dying) throw error;
    }
    return dying ? new Promise(() => undefined) : undefined;
  };
}

/** Tells the step of a slot: the coordinator writes it there, among the optimizer's settings, before the step begins. */
export function stepsOfSlots(handle) {
  const { heap, plan } = openHeap(handle);
  const settings = plan.settings.map((spec) => heap.flatDoubles(spec));
  const inTraining = settings.slice(SLOT.training, SLOT.evaluation);
  // An evaluation follows the latest one.
  return (slot) =>
    slot < SLOT.evaluation ? settings[slot][0] : Math.max(...inTraining.map(([step]) => step));
}

/**
 * Lays `count` deaths of all ways out over a run's steps, at most one a step.
 *
 * @param {(n: number) => number} dice draws a whole number below n
 * @param {object} run
 * @param {boolean} [run.inTeams] whether some are to happen between two meetings of a team
 * @param {'float32' | 'bfloat16'} [run.precision] of its products, which have phases of their own
 */
export function planDeaths(count, steps, dice, { inTeams = false, precision } = {}) {
  const phases = phasesOf('train', { shape: {}, precision });
  return Array.from({ length: count }, (_, i) => {
    const first = Math.floor((i * steps) / count);
    const next = Math.floor(((i + 1) * steps) / count);
    const step = 1 + first + dice(next - first);
    const phase = phases[dice(phases.length)];
    const instants = ['before', 'after'];
    if (inTeams && phase === 'train') instants.push('between');
    if (CLAIMED_PHASES.includes(phase)) instants.push('amid');
    return {
      step,
      phase,
      when: instants[dice(instants.length)],
      way: WAYS_TO_DIE[i % WAYS_TO_DIE.length],
    };
  });
}

/**
 * The function that runs a compute thread's tasks in a run that meets each of the planned deaths once.
 *
 * @param folder where deaths that have been met leave an empty file with their number
 */
export function joinPlanned(folder, deaths) {
  return joinMortal((when, phase, part, step) => {
    const index = deaths.findIndex(
      (death) => death.step === step && death.phase === phase && death.when === when,
    );
    return index !== -1 && isFirst(path.join(folder, String(index)))
      ? deaths[index].way
      : undefined;
  });
}

/**
 * The same where nothing tells the steps: a death is met by the first thread that comes to its instant of its phase for the `nth` time.
 *
 * @param {{ phase: string, when: string, nth: number }[]} deaths by exit, each once in all threads together
 */
export function joinCounted(folder, deaths) {
  const counts = new Map();
  return joinMortal((when, phase) => {
    const instant = `${when} ${phase}`;
    const count = (counts.get(instant) ?? 0) + 1;
    counts.set(instant, count);
    const index = deaths.findIndex(
      (death) => death.when === when && death.phase === phase && death.nth === count,
    );
    return index !== -1 && isFirst(path.join(folder, String(index))) ? 'exit' : undefined;
  });
}

/** Whether no thread has asked for this file before. */
function isFirst(file) {
  try {
    closeSync(openSync(file, 'wx'));
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}
