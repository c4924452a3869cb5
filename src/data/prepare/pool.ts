import { Piscina } from 'piscina';
import { UserError } from '../../errors.js';
import { packageFile } from '../../package-root.js';
import { asStaleBuild } from '../../system/stale-build.js';
import { heapLimits, watchHeaps, type HeapAllowance } from '../../system/thread-heap.js';
import type { TrainListener } from '../../events.js';
import { DamagedPiece } from './pieces/damaged-piece.js';
import type {
  PrepareHandle,
  Work,
  WorkInput,
  WorkName,
  WorkReply,
  WorkResult,
} from './work/works.js';

/** Work that has taken this many workers down with it is not given to another. */
const deathsAllowed = 3;

/** With the usual 16 MiB for new objects a worker's memory is mostly that. */
const workerHeap: HeapAllowance = { young: 4 };

export interface PreparePool {
  readonly workers: number;
  /**
   * Has a worker do something, and another one again if that worker dies.
   *
   * @throws UserError where the work refuses, or every worker dies of it; DamagedPiece.
   */
  run<N extends WorkName>(name: N, input: WorkInput<N>): Promise<WorkResult<N>>;
  close(): Promise<void>;
}

export interface PoolOptions {
  /** When it aborts, the threads end, and work is refused with the reason. */
  readonly signal?: AbortSignal | undefined;
  /** What the threads run; tests bring ones that die. */
  readonly filename?: string;
}

/** @param listener hears of every worker that died */
export function createPreparePool(
  workers: number,
  handle: PrepareHandle,
  listener: TrainListener,
  { signal, filename = packageFile('dist/workers/prepare.js') }: PoolOptions = {},
): PreparePool {
  const pool = new Piscina<Work, WorkReply>({
    filename,
    minThreads: workers,
    maxThreads: workers,
    idleTimeout: Infinity,
    workerData: handle,
    resourceLimits: heapLimits(workerHeap),
    recordTiming: false,
  });
  const stopWatching = watchHeaps(() => pool.threads, workerHeap, {
    grownBytes: workers * 2 ** 31,
  });
  // Idle workers do not keep the process alive; while a replacement starts there may be no other.
  const keepAlive = setInterval(() => undefined, 2 ** 30);
  // The pool does not replace threads that fail while they start: when nobody is left, work would
  // wait forever.
  let startFailure: unknown;
  const closeIfEmpty = (error: unknown): void => {
    if (pool.threads.length > 0) return;
    startFailure ??= error;
    void pool.destroy();
  };
  pool.on('error', closeIfEmpty);
  let aborting: Promise<void> | undefined;
  const abort = (): void => {
    aborting = pool.destroy();
  };
  signal?.addEventListener('abort', abort);

  return {
    workers,
    async run<N extends WorkName>(name: N, input: WorkInput<N>): Promise<WorkResult<N>> {
      for (let deaths = 1; ; deaths++) {
        signal?.throwIfAborted();
        let reply: WorkReply<N>;
        try {
          reply = (await pool.run({ name, input })) as WorkReply<N>;
        } catch (rejection) {
          signal?.throwIfAborted();
          const error: unknown = startFailure ?? rejection;
          const reason = error instanceof Error ? error.message : String(error);
          closeIfEmpty(error);
          const stale = asStaleBuild(error);
          if (stale) throw stale;
          const retried = deaths < deathsAllowed && pool.threads.length > 0;
          listener({ type: 'worker', kind: 'died', reason: `${reason} (during ${name})`, retried });
          if (retried) continue;
          throw new UserError(
            `${deaths} workers in a row failed on the same part of the data (${name}): ${reason}`,
            { cause: error },
          );
        }
        return readReply(reply);
      }
    },
    async close() {
      clearInterval(keepAlive);
      stopWatching();
      signal?.removeEventListener('abort', abort);
      await Promise.all([aborting, pool.destroy()]);
    },
  };
}

/** @throws UserError where the work refused; DamagedPiece. */
export function readReply<N extends WorkName>(reply: WorkReply<N>): WorkResult<N> {
  if ('refusal' in reply) throw new UserError(reply.refusal);
  if ('damaged' in reply) throw new DamagedPiece(reply.damaged);
  return reply.result;
}

/**
 * Works on items, `limit` at once, and takes the results in the order of the items. After a failure
 * no further item is begun; of several failures the one of the earliest item is thrown.
 */
export async function inOrder<T, R>(
  items: readonly T[],
  limit: number,
  work: (item: T, index: number) => Promise<R>,
  take: (result: R, index: number) => void,
): Promise<void> {
  const results = new Map<number, R>();
  let begun = 0;
  let taken = 0;
  const failures = new Map<number, unknown>();
  const takeReady = (): void => {
    // Results before a failure are taken too: what taking one of them throws is the earlier failure.
    for (; results.has(taken); taken++) {
      const result = results.get(taken)!;
      results.delete(taken);
      try {
        take(result, taken);
      } catch (error) {
        failures.set(taken, error);
        taken = Infinity;
      }
    }
  };
  const lane = async (): Promise<void> => {
    while (begun < items.length && failures.size === 0) {
      const index = begun++;
      await work(items[index]!, index).then(
        (result) => results.set(index, result),
        (error: unknown) => failures.set(index, error),
      );
      takeReady();
    }
  };
  await Promise.all(Array.from({ length: Math.min(limit, items.length) }, lane));
  if (failures.size > 0) throw failures.get(Math.min(...failures.keys()));
}
