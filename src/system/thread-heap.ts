import { writeSync } from 'node:fs';
import type { HeapInfo } from 'node:v8';
import { Worker, type ResourceLimits } from 'node:worker_threads';

/**
 * Keeps the JavaScript heaps of threads within bounds. V8 ends a thread at its `resourceLimits`, but not dependably: when
 * an array or a map grows past them in one leap it aborts the whole process, and from Node 24 on some compiled loops
 * are not ended at all. So threads are asked from outside how much they hold, and ended before V8 has to do it.
 */

/** What a kind of thread may hold on its heap, in MiB. */
export interface HeapAllowance {
  /** Of the space for new objects, of which V8 keeps three: small where memory is to stay what it was at the start. */
  readonly young: number;
  /** Of everything; absent: as much as V8 gives a thread of its own accord. */
  readonly total?: number;
}

/** A thread, as far as newer versions of Node can tell from outside what it holds. */
interface AskableThread extends Worker {
  /** Resolves also while the thread computes or waits; rejects before it has started and when it has ended. */
  getHeapStatistics(): Promise<HeapInfo>;
}

const isAskable = 'getHeapStatistics' in Worker.prototype;

const ASK_EVERY_MS = 100;

/** V8's own limit lies so far above ours that a thread in a tight loop is asked before it gets there. */
const HEADROOM_MIB = 448;

/** Of V8's own limit, where no other is given. */
const SHARE_OF_LIMIT = 0.8;

/** When a thread may be a runaway: no kernel and no disk should keep it from answering for so long. */
const SILENT_MS = 10_000;

/** A thread that runs away: it has not answered for some time, in which the process has grown by more than so much. */
export interface Runaway {
  readonly silentMs?: number;
  /** More than all threads together, but for the present one, may come to hold meanwhile. */
  readonly grownBytes: number;
}

/** Limits for V8 with which threads are to be started that `watchHeaps` watches. */
export function heapLimits({ young, total }: HeapAllowance): ResourceLimits {
  return {
    maxYoungGenerationSizeMb: young,
    ...(total !== undefined && {
      maxOldGenerationSizeMb: isAskable ? total + HEADROOM_MIB : total,
    }),
  };
}

/**
 * Watches threads until it is told to stop. One that holds more than it may is ended, with an `error` event before its `exit`
 * event, as when V8 ends it. Does not keep the process alive.
 *
 * @param threads the threads that there are at present
 * @param runaway ends the whole process, because V8 does not end such a thread; absent: it is left alone
 * @returns stops watching
 */
export function watchHeaps(
  threads: () => readonly Worker[],
  allowance: HeapAllowance,
  runaway?: Runaway,
): () => void {
  if (!isAskable) return () => undefined;
  const pending = new WeakMap<Worker, { since: number; heldBefore: number }>();
  const ask = async (thread: AskableThread): Promise<void> => {
    try {
      const held = await thread.getHeapStatistics();
      if (held.used_heap_size > allowedBytes(allowance, held)) await end(thread, held);
    } catch {
      // Not started yet, or ended: there is nothing to watch.
    } finally {
      pending.delete(thread);
    }
  };
  const timer = setInterval(() => {
    const now = performance.now();
    const heldNow = runaway ? bytesOfThreads() : 0;
    for (const thread of threads() as readonly AskableThread[]) {
      const question = pending.get(thread);
      if (question === undefined) {
        pending.set(thread, { since: now, heldBefore: heldNow });
        void ask(thread);
      } else if (runaway && now - question.since > (runaway.silentMs ?? SILENT_MS)) {
        const grown = heldNow - question.heldBefore;
        if (grown > runaway.grownBytes) endProcess(grown);
      }
    }
  }, ASK_EVERY_MS);
  timer.unref();
  return () => clearInterval(timer);
}

/** Resident memory of the process but for what the present thread holds. */
function bytesOfThreads(): number {
  const { rss, heapTotal, external } = process.memoryUsage();
  return rss - heapTotal - external;
}

function allowedBytes({ total }: HeapAllowance, { heap_size_limit }: HeapInfo): number {
  return total === undefined ? SHARE_OF_LIMIT * heap_size_limit : total * 2 ** 20;
}

async function end(thread: Worker, { used_heap_size }: HeapInfo): Promise<void> {
  const held = Math.ceil(used_heap_size / 2 ** 20);
  // Only then is the thread gone, so that its work may be given to another.
  thread.prependOnceListener('exit', () => {
    thread.emit('error', new Error(`out of memory: the thread's heap held ${held} MiB`));
  });
  await thread.terminate();
}

/** For want of any way to end one thread alone: V8 does not, and leaving the process waits for its threads. */
function endProcess(grownBytes: number): never {
  const grown = Math.ceil(grownBytes / 2 ** 20);
  writeSync(
    2,
    `A thread neither answers nor ends, and the process has grown by ${grown} MiB meanwhile: it is killed before it takes ` +
      'the memory of the machine. A run goes on exactly with --resume.\n',
  );
  process.kill(process.pid, 'SIGKILL');
  throw new Error('killed');
}
