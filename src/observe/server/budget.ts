import { openSync, readSync } from 'node:fs';

/**
 * Lets a thread compute for a share of its time and no more, whatever it is asked to do: with the budget used up it
 * sleeps. For a thread that competes with others for the cores and has nothing urgent to do.
 */
export class WorkBudget {
  readonly #share: number;
  readonly #most: number;
  readonly #clock: WorkClock;
  readonly #sleep: (milliseconds: number) => void;
  #left: number;
  #at: number;
  #computed: number;

  /**
   * @param share of one core, in the long run
   * @param most milliseconds that may be saved up for a busy moment
   */
  constructor(
    share: number,
    most: number,
    clock: WorkClock = threadClock(),
    sleep: (milliseconds: number) => void = blockThread,
  ) {
    this.#share = share;
    this.#most = most;
    this.#clock = clock;
    this.#sleep = sleep;
    this.#left = most;
    this.#at = clock.now();
    this.#computed = clock.computed();
  }

  /** Whether more than this share of what may be saved up is left: work that can wait leaves so much for what cannot. */
  hasMoreThan(share: number): boolean {
    const earned = (this.#clock.now() - this.#at) * this.#share;
    return this.#left + earned > this.#most * share;
  }

  /** To be called along with every piece of work. */
  spend(): void {
    const [at, before] = [this.#at, this.#computed];
    this.#at = this.#clock.now();
    this.#computed = this.#clock.computed();
    const earned = (this.#at - at) * this.#share;
    this.#left = Math.min(this.#most, this.#left + earned) - (this.#computed - before);
    if (this.#left < 0) this.#sleep(Math.min(LONGEST_SLEEP_MS, -this.#left / this.#share));
  }
}

/** Milliseconds that have gone by, and that the thread has computed for. */
export interface WorkClock {
  now(): number;
  computed(): number;
}

/** So that it can still be told to end, or asked for something else, before long. */
const LONGEST_SLEEP_MS = 500;

const nothing = new Int32Array(new SharedArrayBuffer(4));

function blockThread(milliseconds: number): void {
  Atomics.wait(nothing, 0, 0, milliseconds);
}

/** The calling thread's own clock. */
function threadClock(): WorkClock {
  return { now: () => performance.now(), computed: openComputedTime() };
}

function openComputedTime(): () => number {
  const { threadCpuUsage } = process as { threadCpuUsage?: () => NodeJS.CpuUsage };
  if (threadCpuUsage !== undefined) {
    return () => {
      const { user, system } = threadCpuUsage.call(process);
      return (user + system) / 1000;
    };
  }
  try {
    // Linux: nanoseconds on a core, then other numbers.
    const file = openSync('/proc/thread-self/schedstat', 'r');
    const text = Buffer.alloc(64);
    return () =>
      Number.parseInt(text.toString('latin1', 0, readSync(file, text, 0, 64, 0)), 10) / 1e6;
  } catch {
    // Elsewhere: the time that the event loop did not wait, which also counts that in which it was not let onto a core.
    return () => performance.eventLoopUtilization().active;
  }
}
