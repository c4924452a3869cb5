import { appendFileSync, closeSync, ftruncateSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors.js';
import { type TrainEvent } from '../train/events.js';
import { type Observer } from './observer.js';

/**
 * Writes `metrics.jsonl` in the run's directory: one JSON object for every event, with the time.
 * A resumed run first cuts off what lies beyond the checkpoint that it goes on from, so that no
 * step stands there twice. Lines are written at once, without a buffer: a kill loses none, and
 * a write takes some microseconds.
 */
export function logMetrics(): Observer {
  // What comes before the start waits: until then the run's directory may be another run's.
  const waiting: string[] = [];
  let file: { path: string; descriptor: number } | undefined;

  const write = (lines: string) => {
    if (file === undefined) return;
    try {
      appendFileSync(file.descriptor, lines);
    } catch (error) {
      const { code = 'unknown error' } = error as NodeJS.ErrnoException;
      throw new UserError(`${file.path}: cannot be written (${code})`, { cause: error });
    }
  };

  return {
    observe(event) {
      if (event.type === 'prepare' && event.phase !== 'reused' && event.phase !== 'done') return;
      const line = formatLine(event);
      if (event.type === 'start') {
        file = openLog(join(event.runDir, 'metrics.jsonl'), event.fromStep);
        write(waiting.splice(0).join(''));
      }
      if (file === undefined) waiting.push(line);
      else write(line);
    },
    close() {
      if (file !== undefined) closeSync(file.descriptor);
      file = undefined;
    },
  };
}

function formatLine(event: TrainEvent): string {
  return `${JSON.stringify({ time: new Date().toISOString(), ...event })}\n`;
}

function openLog(path: string, fromStep: number): { path: string; descriptor: number } {
  try {
    const descriptor = openSync(path, 'a+');
    ftruncateSync(descriptor, measureUpTo(descriptor, fromStep));
    return { path, descriptor };
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    throw new UserError(`${path}: cannot be opened for writing (${code})`, { cause: error });
  }
}

/**
 * Length in bytes of the lines before the first one that tells of a later step than `fromStep`.
 * A last line without its end, left by a kill, does not count either.
 */
function measureUpTo(descriptor: number, fromStep: number): number {
  const chunk = Buffer.alloc(1 << 16);
  let line: Buffer[] = [];
  let length = 0;
  for (let at = 0; ;) {
    const read = readSync(descriptor, chunk, 0, chunk.length, at);
    if (read === 0) return length;
    at += read;
    let begin = 0;
    for (let end; (end = chunk.subarray(0, read).indexOf('\n', begin)) !== -1; begin = end + 1) {
      line.push(chunk.subarray(begin, end));
      const whole = Buffer.concat(line);
      if (stepOf(whole.toString()) > fromStep) return length;
      length += whole.length + 1;
      line = [];
    }
    // The chunk is filled anew: what is kept of it must be a copy.
    line.push(Buffer.from(chunk.subarray(begin, read)));
  }
}

/** The step that a line tells of; -1 for lines that tell of none. */
function stepOf(line: string): number {
  // Not JSON.parse: a line that someone has edited is no reason not to resume.
  const match = /"step":(\d+)/.exec(line);
  return match === null ? -1 : Number(match[1]);
}
