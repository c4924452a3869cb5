/**
 * Watches how often Prometheus comes, so that after the end it can be waited for once more: otherwise it could not tell
 * a run that has ended from one that has died.
 */
export class ScrapeWatch {
  #last: number | undefined;
  /** Longest time between two scrapes, in milliseconds. */
  #longest: number | undefined;
  #phase: 'running' | 'waiting' | 'read' = 'running';
  #timer: NodeJS.Timeout | undefined;

  /** @param onRead is called once when nobody has to be waited for any more */
  constructor(private readonly onRead: () => void) {}

  /** Prometheus is given the metrics. */
  note(): void {
    if (this.#phase === 'running') {
      const now = performance.now();
      if (this.#last !== undefined) {
        this.#longest = Math.max(this.#longest ?? 0, now - this.#last);
      }
      this.#last = now;
    } else if (this.#phase === 'waiting') {
      this.#phase = 'read';
      this.#finish(GRACE_MS);
    }
  }

  /**
   * From now on the metrics say that the run has ended.
   *
   * @returns how many milliseconds it waits for Prometheus at most
   */
  end(patienceMs: number): number {
    this.#phase = 'waiting';
    const longest = this.#longest ?? Infinity;
    const due = this.#last === undefined ? 0 : this.#last + LATE * longest;
    const milliseconds = Math.max(0, Math.min(patienceMs, due - performance.now()));
    this.#finish(milliseconds);
    return milliseconds;
  }

  #finish(afterMs: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(this.onRead, afterMs);
  }
}

/** How much later than usual the next scrape may be. */
const LATE = 1.5;
/** Time for the answer to get out. */
const GRACE_MS = 200;
