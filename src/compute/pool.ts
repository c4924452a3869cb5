import { Piscina } from 'piscina';
import { isTeamPhase } from '../model/phases.js';
import { packageFile } from '../package-root.js';
import { asStaleBuild } from '../system/stale-build.js';
import { heapLimits, watchHeaps, type HeapAllowance } from '../system/thread-heap.js';
import type { StageRunner } from './engine.js';
import { openHeap, type EngineHandle } from './engine-memory.js';
import type { WorkerEvent } from '../events.js';
import { phasesOf, type Task } from './messages.js';
import { Meeting } from './meeting.js';
import { TaskFailure } from './task-failure.js';

/** A task that has taken this many workers down with it is not given to another. */
const DEATHS_ALLOWED = 3;

/**
 * What a thread may hold besides the shared heap: some 10 MiB of code and views. With little room for garbage, memory
 * stays what it was at the start.
 */
const WORKER_HEAP: HeapAllowance = { young: 2, total: 64 };

export interface WorkerPool {
  runStage: StageRunner;
  close(): Promise<void>;
}

/**
 * A pool of one thread for each part. A stage resolves when every part is done. Workers that die are replaced
 * by the pool, and their tasks run again from the phase that was not finished (in a phase with meetings, all do). A stage rejects with a
 * TaskFailure when a task fails on one worker after the other.
 *
 * @param onDeath hears of every worker that died
 * @param filename entry of the threads; tests bring one whose workers die
 */
export function createWorkerPool(
  handle: EngineHandle,
  onDeath: (event: WorkerEvent) => void,
  filename = packageFile('dist/workers/compute.js'),
): WorkerPool {
  const { parts, teams } = handle.sizes;
  const pool = new Piscina<Task, void>({
    filename,
    minThreads: parts,
    maxThreads: parts,
    idleTimeout: Infinity,
    workerData: handle,
    recordTiming: false,
    resourceLimits: heapLimits(WORKER_HEAP),
  });
  const stopWatching = watchHeaps(() => pool.threads, WORKER_HEAP, {
    // The shared heap is touched bit by bit, and what has been set aside for other threads besides.
    grownBytes: handle.block.bytes.byteLength + 2 ** 30,
  });
  // Idle workers do not keep the process alive, a stage under way does; while a replacement starts up there may be none
  // but idle ones.
  const keepAlive = setInterval(() => undefined, 2 ** 30);
  keepAlive.unref();
  // Errors within tasks reach us as rejections; others hit threads that start or are idle. The pool does not
  // replace threads that fail while they start: when nobody is left, tasks would wait forever.
  let startFailure: unknown;
  const closeIfEmpty = (error: unknown): void => {
    if (pool.threads.length > 0) return;
    startFailure ??= error;
    void pool.destroy();
  };
  pool.on('error', closeIfEmpty);
  const { heap, plan } = openHeap(handle);
  const owners = heap.flatIndices(plan.threadOwners);
  const claims = heap.flatIndices(plan.claims);
  const meeting = new Meeting(heap, plan, handle.sizes);
  let failure: TaskFailure | undefined;

  /** Gives the places of dead threads free. */
  const buryDead = (): void => {
    const living = new Set(pool.threads.map((thread) => thread.threadId));
    owners.forEach((owner, place) => {
      if (owner > 0 && !living.has(owner)) Atomics.store(owners, place, 0);
    });
  };

  const runTask = async (task: Task): Promise<void> => {
    const phases = phasesOf(task.stage, handle.sizes);
    const withMeetings = teams < parts ? phases.findIndex(isTeamPhase) : -1;
    let reached = 0;
    for (let deaths = 0; ;) {
      try {
        await pool.run(task);
        return;
      } catch (rejection) {
        const error: unknown = startFailure ?? rejection;
        const reason = error instanceof Error ? error.message : String(error);
        buryDead();
        closeIfEmpty(error);
        // Whoever tried next and got further has shown that the task itself is not to blame.
        const done = meeting.phasesDone(task.part);
        if (done > reached) deaths = 0;
        reached = done;
        const phase = phases[Math.min(done, phases.length - 1)]!;
        deaths++;
        // A thread that lacks a file is not one that died, and the next would lack it, too.
        const stale = asStaleBuild(error);
        const retried = !stale && deaths < DEATHS_ALLOWED && pool.threads.length > 0;
        if (!stale) {
          onDeath({ type: 'worker', kind: 'died', reason: `${reason} (during ${phase})`, retried });
        }
        if (!retried) {
          // Sends everybody home who waits for a part that nobody will finish.
          meeting.abandon();
          failure = new TaskFailure(
            stale?.message ??
              `${deaths} workers in a row failed on the same task (${phase}, part ${task.part + 1} of ${parts}): ${reason}`,
            phase,
            { cause: error },
          );
          throw failure;
        }
        // The others wait for it, or have to before they can go on.
        const isMissed = !meeting.hasFinished(task.part, withMeetings, meeting.attempt);
        if (withMeetings >= 0 && isMissed) meeting.beginAnew();
      }
    }
  };

  return {
    async runStage(stage, slot) {
      if (failure) throw failure;
      meeting.reset();
      claims.fill(0);
      const tasks: Promise<void>[] = [];
      keepAlive.ref();
      for (let part = 0; part < parts; part++) tasks.push(runTask({ stage, slot, part }));
      // All are waited for, also when one fails: nothing may write to the heap behind our back.
      const results = await Promise.allSettled(tasks);
      keepAlive.unref();
      for (const result of results) if (result.status === 'rejected') throw result.reason;
    },
    async close() {
      clearInterval(keepAlive);
      stopWatching();
      await pool.destroy();
    },
  };
}
