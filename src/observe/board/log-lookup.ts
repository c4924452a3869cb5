import { closeSync, openSync, readSync } from 'node:fs';
import { parseLine } from './log-event.js';
import { addToSeries, type SeriesByName } from './log-series.js';
import type { LogEvent, RangeView, SeriesUpdate, StepView } from './wire.js';

const CHUNK = 1 << 16;
/** A longer stretch than this is no closer look, and more than this of one step nobody reads. */
const MOST_RANGE_BYTES = 1 << 30;
const MOST_STEP_BYTES = 8 << 20;
const MOST_EVENTS = 64;
const MOST_TOLD_BYTES = 1 << 20;

/** Waits until more may be done. */
export type Pause = () => Promise<void>;

/**
 * A stretch of steps, down-sampled by itself.
 *
 * @param offset in the log, of a line before the first step
 */
export async function readRange(
  file: string,
  offset: number,
  from: number,
  to: number,
  pause: Pause,
): Promise<RangeView> {
  const all: SeriesByName = new Map();
  let moment = 0;
  await scan(file, offset, MOST_RANGE_BYTES, pause, (line) => {
    const event = parseLine(line);
    if (event?.step === undefined) return true;
    if (event.step > to) return event.type !== 'step';
    if (event.step >= from) addToSeries(all, event, 0, ++moment);
    return true;
  });
  const series: Record<string, SeriesUpdate> = {};
  for (const [name, each] of all) {
    const update = each.since(0);
    if (update !== undefined) series[name] = update;
  }
  return { series };
}

/** All that the log tells of one step: its line, and what was evaluated after it. */
export async function readStep(
  file: string,
  offset: number,
  step: number,
  pause: Pause,
): Promise<StepView> {
  const events: LogEvent[] = [];
  let told = 0;
  await scan(file, offset, MOST_STEP_BYTES, pause, (line) => {
    const event = parseLine(line);
    if (event?.step === undefined) return true;
    if (event.step > step) return event.type !== 'step';
    if (event.step === step && (told += line.length) <= MOST_TOLD_BYTES) events.push(event);
    return events.length < MOST_EVENTS;
  });
  return { step, events };
}

/** Goes through whole lines as long as `take` says so. */
async function scan(
  file: string,
  offset: number,
  mostBytes: number,
  pause: Pause,
  take: (line: Buffer) => boolean,
): Promise<void> {
  const descriptor = openSync(file, 'r');
  try {
    let rest = Buffer.alloc(0);
    const chunk = Buffer.allocUnsafe(CHUNK);
    for (let at = offset; at - offset < mostBytes;) {
      await pause();
      const read = readSync(descriptor, chunk, 0, CHUNK, at);
      if (read === 0) return;
      at += read;
      const bytes = Buffer.concat([rest, chunk.subarray(0, read)]);
      let begin = 0;
      for (let end; (end = bytes.indexOf(0x0a, begin)) !== -1; begin = end + 1) {
        if (!take(bytes.subarray(begin, end))) return;
      }
      rest = Buffer.from(bytes.subarray(begin));
      if (rest.length > MOST_STEP_BYTES) return;
    }
  } finally {
    closeSync(descriptor);
  }
}
