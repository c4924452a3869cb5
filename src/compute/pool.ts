import { Piscina } from 'piscina';
import { isTeamPhase } from '../model/phases.js';
import { SLOTS } from '../model/sizes.js';
import { claimsOfSlot } from '../model/work/shares.js';
import { packageFile } from '../package-root.js';
import { asStaleBuild } from '../system/stale-build.js';
import { heapLimits, watchHeaps, type HeapAllowance } from '../system/thread-heap.js';
import type { Following, StageRunner } from './engine.js';
import { openHeap, type EngineHandle } from './engine-memory.js';
import type { WorkerEvent } from '../events.js';
import { phasesOf, type Stage, type Task } from './messages.js';
import { Meeting } from './meeting.js';
import { Succession } from './succession.js';
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
  following: Following;
  close(): Promise<void>;
}

/**
 * A pool of one thread for each part. A stage resolves when every part is done, or has gone on with the one that follows it directly. Workers that die are replaced
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
  const claimsBySlot = Array.from({ length: SLOTS }, (_, slot) =>
    claimsOfSlot(heap, plan.claims, slot),
  );
  const meeting = new Meeting(heap, plan, handle.sizes);
  const succession = new Succession(heap, plan);
  let failure: TaskFailure | undefined;
  /** All tasks, while they are under way; and of the stages that follow each other in them the one that is or was waited for. */
  let tasks: Promise<void> | undefined;
  let awaited = 0;
  /** Hears of every part that a stage of several may have been followed by the next, and looks. */
  let look: () => void = () => undefined;
  pool.on('message', () => look());

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
        // It may have died just before it could tell.
        look();
        // Whoever tried next and got further has shown that the task itself is not to blame.
        const done = meeting.phasesDone(task.part);
        if (done > reached) deaths = 0;
        reached = done;
        // Those that follow each other are counted on; the others may have begun with another one already.
        const before = succession.begun * phases.length;
        const phase = phases[Math.max(0, Math.min(done - before, phases.length - 1))]!;
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
        const isMissed = !meeting.hasFinished(task.part, before + withMeetings, meeting.attempt);
        if (withMeetings >= 0 && isMissed) meeting.beginAnew();
      }
    }
  };

  const runTasks = async (stage: Stage, slot: number): Promise<void> => {
    keepAlive.ref();
    const running: Promise<void>[] = [];
    for (let part = 0; part < parts; part++) running.push(runTask({ stage, slot, part }));
    // All are waited for, also when one fails: nothing may write to the heap behind our back.
    const results = await Promise.allSettled(running);
    keepAlive.unref();
    tasks = undefined;
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  };
  const isAhead = (): boolean => succession.begun > awaited;

  return {
    async runStage(stage, slot, isFollowed = false) {
      if (isAhead()) {
        awaited++;
        if (!isFollowed) succession.close();
      } else {
        if (failure) throw failure;
        meeting.reset();
        claims.fill(0);
        awaited = 0;
        succession.begin(isFollowed);
        tasks = runTasks(stage, slot);
        // Told to whoever waits for the stage in which it failed.
        tasks.catch(() => undefined);
      }
      if (tasks && !isAhead()) {
        const goneOn = new Promise<void>((resolve) => {
          look = () => {
            if (isAhead()) resolve();
          };
        });
        await Promise.race([tasks, goneOn]);
      }
      if (failure && !isAhead()) throw failure;
    },
    following: {
      get isAhead() {
        return isAhead();
      },
      release: (slot) => {
        claimsBySlot[slot]!.fill(0);
        return succession.release();
      },
      close: () => succession.close(),
    },
    async close() {
      // What nobody waits for ends first: threads that are ended at work would count as dead.
      succession.close();
      await tasks?.catch(() => undefined);
      clearInterval(keepAlive);
      stopWatching();
      await pool.destroy();
    },
  };
}
