import { randomUUID } from 'node:crypto';
import * as nodeFs from 'node:fs';
import { hostname } from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';
import { UserError } from '../errors.js';

/**
 * Keeps a second process out of a run's directory, and is never left stuck by a crash.
 *
 * Node cannot ask the kernel for a lock that dies with its process, so a file names the holder. Where /proc can tell,
 * the holder's pid and start time say for certain whether it still lives: a pid alone may have been given to another
 * process since. A holder that cannot be looked up (on another machine that shares the disk, in another container,
 * or on a system without /proc) is watched for a sign of life instead: it touches the file every few seconds.
 * Watching the time change, rather than comparing it with the clock here, needs no two clocks that agree.
 */
const LOCK_FILE = 'lock';

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
  beatMs: number;
  /** How long a holder that cannot be looked up may keep still before its lock is taken over. */
  patienceMs: number;
  /** How long one who takes a lock over waits for others who do so at the same moment. */
  settleMs: number;
}

const TIMING: LockTiming = { beatMs: 2000, patienceMs: 15_000, settleMs: 50 };

/** A lock that is held. */
export interface RunLock {
  /** Lets others in. */
  release(): void;
}

/**
 * Takes the lock of a run's directory, making the directory where there is none.
 *
 * @param notice hears why it takes long, where it does
 * @throws UserError naming the process that holds the lock
 */
export async function lockRun(
  directory: string,
  notice: (message: string) => void,
  timing = TIMING,
): Promise<RunLock> {
  const file = path.join(directory, LOCK_FILE);
  const own = describeOwn();
  while (!createLock(file, own)) {
    const found = readIfThere(file);
    // Released in between: try again.
    if (found === undefined) continue;
    const holder = parseHolder(found);
    if (await isAlive(file, holder, notice, timing)) {
      throw new UserError(
        `${directory} is in use by another process (${describeHolder(holder)}): ` +
          'wait until it has ended, or name another directory with --run-dir',
      );
    }
    // Several may find the same dead holder: the last one to write stays, the others see so after a moment.
    if (!replaceLock(file, found, own)) continue;
    await sleep(timing.settleMs);
    if (readIfThere(file) === own) break;
  }
  const beat = setInterval(() => touch(file), timing.beatMs);
  beat.unref();
  return {
    release() {
      clearInterval(beat);
      if (readIfThere(file) === own) nodeFs.rmSync(file, { force: true });
    },
  };
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

function createLock(file: string, own: string): boolean {
  try {
    nodeFs.mkdirSync(path.dirname(file), { recursive: true });
    nodeFs.writeFileSync(file, own, { flag: 'wx' });
    return true;
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (code === 'EEXIST' && syscall === 'open') return false;
    throw new UserError(`${file}: cannot be written (${code ?? String(error)})`, { cause: error });
  }
}

/** Puts our name in the place of a dead holder's; false when that is no longer the one who is there. */
function replaceLock(file: string, found: string, own: string): boolean {
  const temporary = `${file}.${process.pid}.partial`;
  nodeFs.writeFileSync(temporary, own);
  const same = readIfThere(file) === found;
  if (same) nodeFs.renameSync(temporary, file);
  else nodeFs.rmSync(temporary);
  return same;
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

function describeHolder(holder: Holder | undefined): string {
  if (holder === undefined) return 'unknown';
  const here = holder.machine === describeMachine();
  return here ? `pid ${holder.pid}` : `pid ${holder.pid} on another machine or in a container`;
}

async function isAlive(
  file: string,
  holder: Holder | undefined,
  notice: (message: string) => void,
  { patienceMs }: LockTiming,
): Promise<boolean> {
  if (holder?.started !== undefined && holder.machine === describeMachine()) {
    return processStart(holder.pid) === holder.started;
  }
  const before = touchedAt(file);
  notice(
    `${file} was left by a process that cannot be looked up from here (${describeHolder(holder)}): ` +
      `watching for ${patienceMs / 1000} s whether it still lives.`,
  );
  await sleep(patienceMs);
  const after = touchedAt(file);
  return after !== undefined && after !== before;
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
    // A lock that someone has removed is no longer ours to keep alive; the run itself goes on.
  });
}

function readIfThere(file: string): string | undefined {
  try {
    return nodeFs.readFileSync(file, 'utf8');
  } catch (error) {
    const { code = '' } = error as NodeJS.ErrnoException;
    // ESRCH: the process ended between opening and reading its file in /proc.
    if (['ENOENT', 'ESRCH', 'ENOTDIR'].includes(code)) return undefined;
    throw error;
  }
}
