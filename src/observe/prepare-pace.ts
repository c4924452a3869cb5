import type { PrepareEvent } from '../events.js';

/** How fast a phase of preparing the data goes. */
export interface PreparePace {
  bytesPerSecond: number;
  /** Absent where nobody knows how much there is. */
  secondsLeft?: number;
}

/**
 * Measures each phase from its second event on: by then what an earlier preparation left has been
 * counted, which took no time.
 *
 * @param now in milliseconds
 * @returns a function of the next event that gives the pace, when there is one yet
 */
export function measurePrepare(
  now: () => number = () => performance.now(),
): (event: PrepareEvent) => PreparePace | undefined {
  let phase: PrepareEvent['phase'] | undefined;
  let first: { at: number; bytes: number } | undefined;
  return (event) => {
    if (event.phase !== phase) {
      phase = event.phase;
      first = undefined;
      return undefined;
    }
    const at = now();
    first ??= { at, bytes: event.bytesDone };
    const bytesPerSecond = (1000 * (event.bytesDone - first.bytes)) / (at - first.at);
    if (!(bytesPerSecond > 0)) return undefined;
    if (event.bytesTotal === null) return { bytesPerSecond };
    return { bytesPerSecond, secondsLeft: (event.bytesTotal - event.bytesDone) / bytesPerSecond };
  };
}
