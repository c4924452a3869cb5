import type { LogEvent } from './wire.js';
import { Series } from './series.js';

/** Keys of steps that are no measurements. */
const BARE = new Set(['time', 'type', 'step', 'split', 'phases', 'best', 'rows', 'targets']);

/** Series by name: `step`, `evaluation:SPLIT` and `resources`. */
export type SeriesByName = Map<string, Series>;

/** More splits than any run has. */
const MOST_SERIES = 8;

/**
 * Adds a line's numbers to the series that it belongs to.
 *
 * @returns false for a line that comes too late: of a step before the last one
 */
export function addToSeries(
  all: SeriesByName,
  event: LogEvent,
  offset: number,
  moment: number,
): boolean {
  const name = seriesOf(event);
  if (name === undefined) return true;
  let series = all.get(name);
  if (series === undefined) {
    if (all.size === MOST_SERIES) return true;
    all.set(name, (series = new Series()));
  }
  if (typeof event.step !== 'number' || !series.begin(event.step, offset, moment)) return false;
  for (const key in event) {
    if (!BARE.has(key)) series.put(key, event[key]);
  }
  const { phases } = event;
  if (typeof phases === 'object' && phases !== null) {
    for (const [phase, seconds] of Object.entries(phases)) series.put(`phase:${phase}`, seconds);
  }
  return true;
}

function seriesOf({ type, split }: LogEvent): string | undefined {
  switch (type) {
    case 'step':
    case 'resources':
      return type;
    case 'evaluation':
      return typeof split === 'string' ? `evaluation:${split.slice(0, 40)}` : undefined;
    default:
      return undefined;
  }
}
