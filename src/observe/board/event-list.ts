import type { LogEvent } from './wire.js';

/** Events that are listed one by one are kept in two sorts, so many of either. */
export const MOST_EVENTS = 400;

const ROUTINE = new Set(['evaluation', 'checkpoint']);

/** Whether such events come again and again: they are not to push out the notices, deaths and failures between them. */
export function isRoutine({ type }: LogEvent): boolean {
  return ROUTINE.has(type);
}

/** The newest events of either sort, in their order. */
export function newestEvents(events: readonly LogEvent[]): LogEvent[] {
  let routine = events.filter(isRoutine).length;
  let others = events.length - routine;
  // Those that are left of a sort, from this one on.
  return events.filter((event) => (isRoutine(event) ? routine-- : others--) <= MOST_EVENTS);
}
