import { randomUUID } from 'node:crypto';
import * as nodeFs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../errors.js';
import { errorCode } from './error-code.js';
import {
  describeHolder,
  describeOwn,
  isCutShort,
  isGone,
  nameHolder,
  parseHolder,
  readIfThere,
  type Holder,
} from './lock-holder.js';
import { describeSystemError } from './system-errors.js';

/**
 * Locks that processes hold against each other, and that no crash leaves stuck.
 *
 * Node cannot ask the kernel for a lock that dies with its process, so a file names the holder. Where /proc can tell,
 * the holder's pid and start time say for certain whether it still lives: a pid alone may have been given to another
 * process since. A holder that cannot be looked up (on another machine that shares the disk, in another container,
 * or on a system without /proc) is watched for a sign of life instead: it touches the file every few seconds.
 * Watching the time change, rather than comparing it with the clock here, needs no two clocks that agree.
 */

export interface LockTiming {
  /** How often a holder touches its lock. */
  readonly beatMs: number;
  /** How long a holder that cannot be looked up may keep still before its lock is taken over. */
  readonly patienceMs: number;
  /** How often one who waits or watches looks again. */
  readonly pollMs: number;
}

export const usualTiming: LockTiming = { beatMs: 2000, patienceMs: 15_000, pollMs: 50 };

/** A lock that is held. */
export interface FileLock {
  /** Undefined as long as it is ours, else what has become of it. One that somebody removed is put back. */
  describeLoss(): string | undefined;
  /** Lets others in; where the disk takes no changes any more, they are let in when this process has ended. */
  release(): void;
}

export interface LockOptions {
  /** Hears why it takes long, where it does. */
  readonly notice: (message: string) => void;
  /**
   * Called as long as somebody else who lives holds the lock: throws, or has them waited for.
   *
   * @param holder "another process (pid 5)" or "another call in this process"
   */
  readonly onHeld: (holder: string) => void;
  readonly timing?: LockTiming | undefined;
}

/**
 * Takes the lock that `file` is, in a directory that is there.
 *
 * @throws What `onHeld` throws, and errors of the file system.
 */
export async function takeLock(
  file: string,
  { notice, onHeld, timing = usualTiming }: LockOptions,
): Promise<FileLock> {
  const own = describeOwn();
  let told = false;
  const watch = (message: string): void => {
    if (!told) notice(message);
    told = true;
  };
  while (!createLock(file, own)) {
    const found = readIfThere(file);
    // Released in between: try again.
    if (found === undefined) continue;
    const holder = parseHolder(found);
    if (holder === undefined && !isCutShort(found)) {
      throw new UserError(
        `${file}: expected no such file, or a lock as lockstep writes it, found something else: ` +
          'move it, or name another directory',
      );
    }
    if (await isAlive(file, found, holder, watch, timing)) {
      onHeld(nameHolder(holder));
      await sleep(timing.pollMs);
    } else if (await replaceLock(file, found, own, timing)) break;
  }
  const beat = setInterval(() => touch(file), timing.beatMs);
  beat.unref();
  return {
    describeLoss: () => describeLoss(file, own),
    release() {
      clearInterval(beat);
      try {
        if (readIfThere(file) === own) nodeFs.rmSync(file, { force: true });
      } catch (error) {
        // A disk that no longer takes changes: whoever comes next sees that we are dead. Why work ended is told by others.
        if (describeSystemError(error) === undefined) throw error;
      }
    },
  };
}

function describeLoss(file: string, own: string): string | undefined {
  try {
    const found = readIfThere(file);
    if (found === own || (found === undefined && createLock(file, own))) return undefined;
    return `its lock was taken by ${nameHolder(parseHolder(found ?? ''))}`;
  } catch (error) {
    const reason = describeSystemError(error);
    if (reason === undefined) throw error;
    return `its lock cannot be held any more (${reason})`;
  }
}

/**
 * Whether whoever wrote a lock's file is dead; undefined where that cannot be told from here without
 * watching, and where there is none.
 */
export function isAbandoned(file: string): boolean | undefined {
  const found = readIfThere(file);
  const holder = found === undefined ? undefined : parseHolder(found);
  return holder && isGone(holder);
}

/** Disks that cannot give a file a second name. */
const withoutLinks = new Set(['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS', 'EMLINK']);

/** Puts our name where there is none; others never see it half written. */
function createLock(file: string, own: string): boolean {
  const temporary = writeBeside(file, own);
  try {
    nodeFs.linkSync(temporary, file);
    return true;
  } catch (error) {
    const code = errorCode(error);
    if (code === 'EEXIST') return false;
    if (!withoutLinks.has(code)) throw error;
    return createLockInPlace(file, own);
  } finally {
    nodeFs.rmSync(temporary, { force: true });
  }
}

function createLockInPlace(file: string, own: string): boolean {
  try {
    nodeFs.writeFileSync(file, own, { flag: 'wx' });
    return true;
  } catch (error) {
    if (errorCode(error) === 'EEXIST') return false;
    throw error;
  }
}

function writeBeside(file: string, own: string): string {
  const temporary = `${file}.${randomUUID()}`;
  try {
    nodeFs.writeFileSync(temporary, own);
    return temporary;
  } catch (error) {
    nodeFs.rmSync(temporary, { force: true });
    throw error;
  }
}

/**
 * Puts our name in the place of a dead holder's; false when that is no longer the one who is there. Several may find
 * the same dead holder: they do this one after the other, by a lock of its own.
 */
async function replaceLock(
  file: string,
  found: string,
  own: string,
  timing: LockTiming,
): Promise<boolean> {
  const turn = await takeLock(`${file}.takeover`, {
    notice: () => undefined,
    onHeld: () => undefined,
    timing,
  });
  try {
    if (readIfThere(file) !== found) return false;
    nodeFs.renameSync(writeBeside(file, own), file);
    return true;
  } finally {
    turn.release();
  }
}

async function isAlive(
  file: string,
  found: string,
  holder: Holder | undefined,
  notice: (message: string) => void,
  { patienceMs, pollMs }: LockTiming,
): Promise<boolean> {
  const gone = holder && isGone(holder);
  if (gone !== undefined) return !gone;
  const before = touchedAt(file);
  notice(
    `${file} was left by a process that cannot be looked up from here (${describeHolder(holder)}): ` +
      `watching for ${patienceMs / 1000} s whether it still lives.`,
  );
  for (const end = performance.now() + patienceMs; performance.now() < end;) {
    await sleep(pollMs);
    if (readIfThere(file) !== found) return false;
    if (touchedAt(file) !== before) return true;
  }
  return false;
}

function touchedAt(file: string): number | undefined {
  return nodeFs.statSync(file, { throwIfNoEntry: false })?.mtimeMs;
}

function touch(file: string): void {
  const now = new Date();
  nodeFs.utimes(file, now, now, () => {
    // A lock that someone has removed is no longer ours to keep alive; the work itself goes on.
  });
}
