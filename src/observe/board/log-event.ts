import type { LogEvent } from './wire.js';

/** The name of a run's log in its directory. */
export const LOG_FILE = 'metrics.jsonl';

/** A line of the log; undefined for what is none of ours. */
export function parseLine(line: Buffer): LogEvent | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line.toString('utf8'));
  } catch {
    // A line that a full disk or an editor has left.
    return undefined;
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  const event = value as LogEvent;
  return typeof event.type === 'string' ? event : undefined;
}

/** A number that the log holds; undefined where it has none. */
export function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}
