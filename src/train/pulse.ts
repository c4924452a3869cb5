import type { Moments } from '../compute/moments.js';
import type { TrainListener } from '../events.js';
import { sharedClock } from '../system/monotonic.js';
import type { StepTime } from './step-loop.js';

/** Least time between two signs of life, and before the first one: reading what the process takes is worth some steps of a small model. */
const INTERVAL_MS = 5000;
const FIRST_MS = 2000;
/** Workers whose time is told: a line of the log stays short. */
const WORKERS_TOLD = 16;
/** Digits of seconds: tens of microseconds. */
const DIGITS = 5;

/** Tells now and then what the workers do in a step, and what the process takes of the machine. */
export class Pulse {
  readonly #clock = sharedClock();
  #due = this.#clock() + FIRST_MS;

  constructor(
    private readonly moments: Pick<Moments, 'readUpdate'>,
    private readonly listener: TrainListener,
  ) {}

  /** @param step number of the step that has ended, and when it was under way */
  end(step: number, { slot, begin: begun }: StepTime): void {
    if (this.#clock() < this.#due) return;
    const seconds = (moment: number): number => Number(((moment - begun) / 1000).toFixed(DIGITS));
    const workers = this.moments
      .readUpdate(slot)
      .slice(0, WORKERS_TOLD)
      .map((phases) =>
        phases.map(({ phase, begin, end }) => ({
          phase,
          begin: seconds(begin),
          end: seconds(end),
        })),
      );
    this.listener({ type: 'timeline', step, workers });
    const { rss, heapUsed } = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    this.listener({
      ...{ type: 'resources', step, residentBytes: rss, heapBytes: heapUsed },
      cpuSeconds: (user + system) / 1e6,
    });
    this.#due = this.#clock() + INTERVAL_MS;
  }
}
