import { randomUUID } from 'node:crypto';
import * as nodeFs from 'node:fs';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod';
import { UserError } from '../errors.js';
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

const holderSchema = z.object({
  pid: z.int(),
  /** Start of the process in clock ticks since boot; absent where there is no /proc. */
  started: z.string().optional(),
  /** What pids are unique in: this boot of this machine, or of this container. */
  machine: z.string(),
  /** Tells two holders within one process apart. */
  token: z.string(),
});

type Holder = z.output<typeof holderSchema>;

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

function describeOwn(): string {
  const started = processStart('self');
  const own: Holder = {
    pid: process.pid,
    ...(started !== undefined && { started }),
    machine: describeMachine(),
    token: randomUUID(),
  };
  return JSON.stringify(own);
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
    const code = codeOf(error);
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
    if (codeOf(error) === 'EEXIST') return false;
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

/** Undefined for what is no lock: it is being written this moment, or a crash cut it short. */
function parseHolder(content: string): Holder | undefined {
  try {
    return holderSchema.parse(JSON.parse(content));
  } catch {
    // Whoever wrote it shows by touching it whether they live.
    return undefined;
  }
}

/** Whether a text that names no holder is the beginning of one that does, as a crash leaves it. */
function isCutShort(content: string): boolean {
  const start = '{"pid":';
  return start.startsWith(content.slice(0, start.length));
}

/** Who holds a lock, for messages. */
function nameHolder(holder: Holder | undefined): string {
  const isOurs =
    holder?.pid === process.pid &&
    holder.machine === describeMachine() &&
    (holder.started === undefined || holder.started === processStart('self'));
  return isOurs ? 'another call in this process' : `another process (${describeHolder(holder)})`;
}

function describeHolder(holder: Holder | undefined): string {
  if (holder === undefined) return 'unknown';
  const here = holder.machine === describeMachine();
  return here ? `pid ${holder.pid}` : `pid ${holder.pid} on another machine or in a container`;
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

/** Undefined for a holder that cannot be looked up from here. */
function isGone({ pid, started, machine }: Holder): boolean | undefined {
  if (started === undefined || machine !== describeMachine()) return undefined;
  return processStart(pid) !== started;
}

/**
 * When a process started, in clock ticks since boot; undefined when there is none of that number, when it is dead
 * and merely waits for its parent to notice, or when there is no /proc.
 */
function processStart(pid: number | 'self'): string | undefined {
  const stat = readIfThere(`/proc/${pid}/stat`);
  // The second field is the program's name in parentheses and may hold anything: count from behind it.
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [state] = fields ?? [];
  return state === 'Z' || state === 'X' ? undefined : fields?.[19];
}

/** What a pid is unique in: a boot of the machine and, on Linux, a namespace of processes. */
function describeMachine(): string {
  const boot = readIfThere('/proc/sys/kernel/random/boot_id')?.trim() ?? hostname();
  const namespace = nodeFs.statSync('/proc/self/ns/pid', { throwIfNoEntry: false })?.ino ?? 0;
  return `${boot} ${namespace}`;
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

function readIfThere(file: string): string | undefined {
  try {
    return nodeFs.readFileSync(file, 'utf8');
  } catch (error) {
    // ESRCH: the process ended between opening and reading its file in /proc.
    if (['ENOENT', 'ESRCH', 'ENOTDIR'].includes(codeOf(error))) return undefined;
    throw error;
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? '';
}
