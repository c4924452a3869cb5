import { isRoutine, MOST_EVENTS } from './event-list.js';
import { addToSeries, type SeriesByName } from './log-series.js';
import type { LogEvent, RunUpdate, SeriesUpdate } from './wire.js';

/** Types of which the last event is kept. */
const LATEST = new Set(['start', 'samples', 'confusion', 'hardest', 'resources']);
/** Types that are told one by one. */
const LISTED = new Set([
  ...['start', 'evaluation', 'checkpoint', 'checkpoint-failed', 'worker', 'notice', 'end'],
]);
const MOST_TIMELINES = 6;
/** Of what is kept of one event as text; classes may be many and long. */
const MOST_CLASSES = 100;

interface Kept {
  moment: number;
  event: LogEvent;
}

/** All that the page shows of a run, in bounded memory. */
export class RunDetail {
  /** Lines so far: by it a page says what it has already been told. */
  moment = 0;
  readonly series: SeriesByName = new Map();
  readonly #latest = new Map<string, Kept>();
  readonly #routine: Kept[] = [];
  /** Starts, notices, dead workers, failures and the end. */
  readonly #others: Kept[] = [];
  readonly #timelines: Kept[] = [];

  /**
   * @param offset of the line in the log
   * @returns false for a line that has no place: of a step before the last one
   */
  add(event: LogEvent, offset: number): boolean {
    const moment = ++this.moment;
    if (!addToSeries(this.series, event, offset, moment)) return false;
    const { type } = event;
    if (LATEST.has(type)) this.#latest.set(type, { moment, event: trim(event) });
    if (LISTED.has(type)) {
      const events = isRoutine(event) ? this.#routine : this.#others;
      keep(events, { moment, event: list(event) }, MOST_EVENTS);
    }
    if (type === 'timeline') keep(this.#timelines, { moment, event }, MOST_TIMELINES);
    return true;
  }

  /** What has changed after a moment; undefined when nothing has. */
  since(moment: number): Omit<RunUpdate, 'id' | 'reset'> | undefined {
    if (moment >= this.moment) return undefined;
    const isNew = (kept: Kept) => kept.moment > moment;
    const series: Record<string, SeriesUpdate> = {};
    for (const [name, each] of this.series) {
      const update = each.since(moment);
      if (update !== undefined) series[name] = update;
    }
    const latest = [...this.#latest].filter(([, kept]) => isNew(kept));
    return {
      series,
      events: [...this.#routine, ...this.#others]
        .filter(isNew)
        .sort((a, b) => a.moment - b.moment)
        .map(({ event }) => event),
      latest: Object.fromEntries(latest.map(([type, { event }]) => [type, event])),
      ...(this.#timelines.some(isNew) && {
        timelines: this.#timelines.map(({ event }) => event),
      }),
    };
  }
}

function keep(list: Kept[], kept: Kept, most: number): void {
  list.push(kept);
  if (list.length > most) list.shift();
}

/** Without long lists that nobody reads. */
function trim(event: LogEvent): LogEvent {
  const trimmed: LogEvent = { ...event };
  for (const key of ['classes', 'classRows']) {
    const value = event[key];
    if (Array.isArray(value)) trimmed[key] = value.slice(0, MOST_CLASSES);
  }
  return trimmed;
}

/** In the list of events a start is one line; the rest stands elsewhere. */
function list(event: LogEvent): LogEvent {
  if (event.type !== 'start') return event;
  const { type, time, fromStep, totalSteps, workers } = event as Record<string, unknown> & LogEvent;
  return { type, ...(time !== undefined && { time }), fromStep, totalSteps, workers };
}
