import * as nodeFs from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../errors.js';
import { describeDiskError } from '../system/disk.js';
import type { TrainEvent } from '../events.js';
import type { Observer } from './observer.js';

/** The part of `node:fs` that the log is written with; tests bring one that fails. */
export type LogFileSystem = Pick<typeof nodeFs, 'writeSync' | 'ftruncateSync' | 'closeSync'>;

/**
 * Writes `metrics.jsonl` in the run's directory: one JSON object for every event, with the time.
 * A resumed run first cuts off what lies beyond the checkpoint that it goes on from, so that no
 * step stands there twice. Lines are written at once, without a buffer: a kill loses none, and
 * a write takes some microseconds. A disk that refuses them costs lines, not the run.
 *
 * @param notify hears, once, that lines are missing
 */
export function logMetrics(
  notify: (message: string) => void,
  fs: LogFileSystem = nodeFs,
): Observer {
  // What comes before the start waits: until then the run's directory may be another run's.
  const waiting: string[] = [];
  let file: LogFile | undefined;
  let complained = false;

  const attempt = (work: () => void) => {
    try {
      work();
    } catch (error) {
      const reason = describeDiskError(error);
      if (reason === undefined) throw error;
      if (complained) return;
      complained = true;
      notify(
        `${file!.path}: cannot be written: ${reason}; the run goes on, but events are missing there.`,
      );
    }
  };

  return {
    observe(event) {
      if (event.type === 'prepare' && event.phase !== 'reused' && event.phase !== 'done') return;
      let lines = formatLine(event);
      if (event.type === 'start') {
        file = openLog(join(event.runDir, 'metrics.jsonl'), event.fromStep);
        lines = waiting.splice(0).join('') + lines;
      }
      const target = file;
      if (target === undefined) waiting.push(lines);
      else attempt(() => append(target, Buffer.from(lines), fs));
    },
    close() {
      const target = file;
      // Some file systems tell only now that they have no room.
      if (target !== undefined) attempt(() => fs.closeSync(target.descriptor));
      file = undefined;
    },
  };
}

interface LogFile {
  path: string;
  descriptor: number;
  /** Bytes of whole lines, and whether a part of one may lie behind them. */
  length: number;
  torn: boolean;
}

/** Adds whole lines; what a failure leaves of one is cut off before the next. */
function append(file: LogFile, lines: Buffer, fs: LogFileSystem): void {
  if (file.torn) fs.ftruncateSync(file.descriptor, file.length);
  file.torn = true;
  for (let done = 0; done < lines.length;) {
    done += fs.writeSync(file.descriptor, lines, done, lines.length - done);
  }
  file.torn = false;
  file.length += lines.length;
}

function formatLine(event: TrainEvent): string {
  return `${JSON.stringify({ time: new Date().toISOString(), ...event })}\n`;
}

function openLog(path: string, fromStep: number): LogFile {
  try {
    const descriptor = nodeFs.openSync(path, 'a+');
    const length = measureUpTo(descriptor, fromStep);
    nodeFs.ftruncateSync(descriptor, length);
    return { path, descriptor, length, torn: false };
  } catch (error) {
    const { code = 'unknown error' } = error as NodeJS.ErrnoException;
    throw new UserError(`${path}: cannot be opened for writing (${code})`, { cause: error });
  }
}

/**
 * Length in bytes of the lines before the first one that tells of a later step than `fromStep`.
 * A last line without its end, left by a kill, does not count either. Steps only grow from line to
 * line, so that halving finds the place: a long log takes no longer than a short one.
 */
function measureUpTo(descriptor: number, fromStep: number): number {
  let low = 0;
  let high = nodeFs.fstatSync(descriptor).size;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    const { found } = seekStep(descriptor, middle, () => true);
    if (found === undefined || found.step > fromStep) high = middle;
    else low = found.end;
  }
  const { found, end } = seekStep(descriptor, low, (step) => step > fromStep);
  return found?.begin ?? end;
}

interface StepLine {
  begin: number;
  end: number;
  step: number;
}

/**
 * Looks for the first whole line that begins at byte `from` or later and tells of a wanted step.
 *
 * @returns the line, and where the last whole line looked at ends
 */
function seekStep(
  descriptor: number,
  from: number,
  wanted: (step: number) => boolean,
): { found: StepLine | undefined; end: number } {
  // From one byte before: whether a line begins at `from` shows in the line feed in front of it.
  let end = Math.max(0, from - 1);
  let begins = from === 0;
  for (const line of readLines(descriptor, end)) {
    const begin = end;
    end += line.length + 1;
    const step = begins ? stepOf(line.toString()) : -1;
    begins = true;
    if (step !== -1 && wanted(step)) return { found: { begin, end, step }, end };
  }
  return { found: undefined, end: begins ? end : from };
}

/** Whole lines from byte `at` on, without their line feeds. */
function* readLines(descriptor: number, at: number): Generator<Buffer> {
  const chunk = Buffer.alloc(1 << 14);
  let line: Buffer[] = [];
  for (;;) {
    const read = nodeFs.readSync(descriptor, chunk, 0, chunk.length, at);
    if (read === 0) return;
    at += read;
    let begin = 0;
    for (let end; (end = chunk.subarray(0, read).indexOf('\n', begin)) !== -1; begin = end + 1) {
      yield Buffer.concat([...line, chunk.subarray(begin, end)]);
      line = [];
    }
    // The chunk is filled anew: what is kept of it must be a copy.
    line.push(Buffer.from(chunk.subarray(begin, read)));
  }
}

/** The step that a line tells of; -1 for lines that tell of none, or of one that has long passed. */
function stepOf(line: string): number {
  // Checkpoints are on the disk some steps after the one that they are of.
  if (/"type":"checkpoint(-failed)?"/.test(line)) return -1;
  // Not JSON.parse: a line that someone has edited is no reason not to resume.
  const match = /"step":(\d+)/.exec(line);
  return match === null ? -1 : Number(match[1]);
}
