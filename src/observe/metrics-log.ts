import * as nodeFs from 'node:fs';
import { dirname, join } from 'node:path';
import { UserError } from '../errors.js';
import { describeDiskError } from '../system/disk.js';
import type { TrainEvent } from '../events.js';
import { LOG_FILE } from './board/log-event.js';
import type { Observer } from './observer.js';

/** The part of `node:fs` that the log is written with; tests bring one that fails. */
export type LogFileSystem = Pick<
  typeof nodeFs,
  'openSync' | 'writeSync' | 'ftruncateSync' | 'closeSync'
>;

/**
 * Writes `metrics.jsonl` in the run's directory: one JSON object for every event, with the time.
 * A resumed run first cuts off what lies beyond the checkpoint that it goes on from, so that no
 * step stands there twice. Lines are written at once, without a buffer: a kill loses none, and
 * a write takes some microseconds. A disk that refuses them costs lines, not the run. Whoever removes the file or
 * moves it away, as a rotation of logs does, finds the following lines in a new one of the same name.
 *
 * @param notify hears, once, that lines are missing, and whenever a new file is begun
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

  const write = (target: LogFile, lines: string) => {
    const { isNew, isOpen } = expectSame(target, fs);
    if (isNew) {
      const message = `${target.path} was removed or moved away while the run goes on: what follows is in a new file there.`;
      notify(message);
      lines = formatLine({ type: 'notice', message }) + lines;
    }
    if (isOpen) lines = `\n${lines}`;
    append(target, Buffer.from(lines), fs);
  };

  return {
    observe(event) {
      if (event.type === 'prepare' && event.phase !== 'reused' && event.phase !== 'done') return;
      let lines = formatLine(event);
      if (event.type === 'start') {
        file = openLog(join(event.runDir, LOG_FILE), event.fromStep, fs);
        lines = waiting.splice(0).join('') + lines;
      }
      const target = file;
      if (target === undefined) waiting.push(lines);
      else attempt(() => write(target, lines));
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
  /** Of the file that is open, and of the run's directory that it was opened in. */
  identity: string;
  directory: string | undefined;
  /** Bytes that are not to be touched, and whether a part of a line may lie behind them. */
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

/**
 * Looks whether the open file still is the one by its name, or opens that, to go on at its end.
 *
 * @returns whether it was another one, and whether its last line has no end
 */
function expectSame(file: LogFile, fs: LogFileSystem): { isNew: boolean; isOpen: boolean } {
  const now = nodeFs.statSync(file.path, { bigint: true, throwIfNoEntry: false });
  const isNew = now === undefined || identify(now) !== file.identity;
  if (isNew) {
    // A directory that is no longer the run's ends the run, and takes no file of it.
    if (identifyPlace(dirname(file.path)) !== file.directory)
      return { isNew: false, isOpen: false };
    const next = openFile(file.path, fs);
    fs.closeSync(file.descriptor);
    Object.assign(file, next);
  } else if (Number(now.size) === file.length || (file.torn && Number(now.size) > file.length)) {
    return { isNew, isOpen: false };
  } else {
    // Others have added to it, or emptied it as some rotations do.
    file.length = Number(now.size);
  }
  file.torn = false;
  return { isNew, isOpen: file.length > 0 && !endsLine(file) };
}

function endsLine({ descriptor, length }: LogFile): boolean {
  const last = Buffer.alloc(1);
  return nodeFs.readSync(descriptor, last, 0, 1, length - 1) === 1 && last[0] === 0x0a;
}

/** Opens the file by that name, to be written behind all that it holds. */
function openFile(path: string, fs: LogFileSystem): LogFile {
  const descriptor = fs.openSync(path, 'a+');
  const stats = nodeFs.fstatSync(descriptor, { bigint: true });
  return {
    path,
    descriptor,
    identity: identify(stats),
    directory: identifyPlace(dirname(path)),
    length: Number(stats.size),
    torn: false,
  };
}

function identify({ dev, ino }: nodeFs.BigIntStats): string {
  return `${dev} ${ino}`;
}

/** Undefined for a place where nothing is. */
function identifyPlace(path: string): string | undefined {
  const stats = nodeFs.statSync(path, { bigint: true, throwIfNoEntry: false });
  return stats && identify(stats);
}

/** An event as a line of JSON, with the time. */
export function formatLine(event: TrainEvent): string {
  return `${JSON.stringify({ time: new Date().toISOString(), ...event })}\n`;
}

/** Opens a run's log and cuts off what tells of later steps than the one that the run goes on from. */
function openLog(path: string, fromStep: number, fs: LogFileSystem): LogFile {
  try {
    const file = openFile(path, fs);
    file.length = measureUpTo(file.descriptor, fromStep);
    fs.ftruncateSync(file.descriptor, file.length);
    return file;
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
  // Checkpoints are on the disk some steps after the one that they are of; a start tells of the best of earlier ones.
  if (/"type":"(start|checkpoint(-failed)?)"/.test(line)) return -1;
  // Not JSON.parse: a line that someone has edited is no reason not to resume.
  const match = /"step":(\d+)/.exec(line);
  return match === null ? -1 : Number(match[1]);
}
