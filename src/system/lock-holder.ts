import { randomUUID } from 'node:crypto';
import * as nodeFs from 'node:fs';
import { hostname } from 'node:os';
import * as z from 'zod';
import { errorCode } from './error-code.js';

/** Who holds a lock: how a file names a process, and what can be told of one that is named so. */

const holderSchema = z.object({
  pid: z.int(),
  /** Start of the process in clock ticks since boot; absent where there is no /proc. */
  started: z.string().optional(),
  /** What pids are unique in: this boot of this machine, or of this container. */
  machine: z.string(),
  /** Tells two holders within one process apart. */
  token: z.string(),
});

export type Holder = z.output<typeof holderSchema>;

/** This process, as a lock names it: another name each time. */
export function describeOwn(): string {
  const started = processStart('self');
  const own: Holder = {
    pid: process.pid,
    ...(started !== undefined && { started }),
    machine: describeMachine(),
    token: randomUUID(),
  };
  return JSON.stringify(own);
}

/** Undefined for what is no lock: it is being written this moment, or a crash cut it short. */
export function parseHolder(content: string): Holder | undefined {
  try {
    return holderSchema.parse(JSON.parse(content));
  } catch {
    // Whoever wrote it shows by touching it whether they live.
    return undefined;
  }
}

/** Whether a text that names no holder is the beginning of one that does, as a crash leaves it. */
export function isCutShort(content: string): boolean {
  const start = '{"pid":';
  return start.startsWith(content.slice(0, start.length));
}

/** Who holds a lock, for messages. */
export function nameHolder(holder: Holder | undefined): string {
  const isOurs =
    holder?.pid === process.pid &&
    holder.machine === describeMachine() &&
    (holder.started === undefined || holder.started === processStart('self'));
  return isOurs ? 'another call in this process' : `another process (${describeHolder(holder)})`;
}

/** The same by its number, where it can be told. */
export function describeHolder(holder: Holder | undefined): string {
  if (holder === undefined) return 'unknown';
  const here = holder.machine === describeMachine();
  return here ? `pid ${holder.pid}` : `pid ${holder.pid} on another machine or in a container`;
}

/** Undefined for a holder that cannot be looked up from here. */
export function isGone({ pid, started, machine }: Holder): boolean | undefined {
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

/** What a file holds; undefined where there is none. */
export function readIfThere(file: string): string | undefined {
  try {
    return nodeFs.readFileSync(file, 'utf8');
  } catch (error) {
    // ESRCH: the process ended between opening and reading its file in /proc.
    if (['ENOENT', 'ESRCH', 'ENOTDIR'].includes(errorCode(error))) return undefined;
    throw error;
  }
}
