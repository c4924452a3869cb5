import { open, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join } from 'node:path';
import type { z } from 'zod';
import { errorCode } from '../error-code.js';

/**
 * What is being written has a name that tells by whom, and gets its own when it is complete: a kill
 * leaves a file whole or not at all, and processes that prepare the same corpus do not meet.
 */

const mark = `partial-${hostname()}-`;

/** Stands in the name of what this process is writing: `<name>.<mark>…`. */
export function ownMark(): string {
  return `${mark}${process.pid}`;
}

/** Removes what processes of this machine left behind in `dir` when they were killed. */
export async function removeLeftovers(dir: string, name = ''): Promise<void> {
  for (const entry of await readdir(dir)) {
    const at = entry.indexOf(`.${mark}`);
    if (at < 0 || !entry.startsWith(name)) continue;
    if (isRunning(Number.parseInt(entry.slice(at + 1 + mark.length), 10))) continue;
    await rm(join(dir, entry), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // EPERM: it runs, under another user.
    return errorCode(error) === 'EPERM';
  }
}

/** Writes a JSON file that lasts through a power cut and is never seen half written. */
export async function writeJson(path: string, value: unknown): Promise<void> {
  const partial = `${path}.${ownMark()}`;
  await writeFile(partial, `${JSON.stringify(value, undefined, 1)}\n`, { flush: true });
  await rename(partial, path);
  await syncDirectory(dirname(path));
}

/** @returns undefined where the file is missing or is not what was expected. */
export async function readJson<T>(path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const text = await readFile(path, 'utf8').catch(missingAsUndefined);
  if (text === undefined) return undefined;
  try {
    return schema.safeParse(JSON.parse(text)).data;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** For the failures of something that need not be there. */
export function missingAsUndefined(error: unknown): undefined {
  if (errorCode(error) === 'ENOENT') return undefined;
  throw error;
}

/**
 * What an error of the file system says, for the user; undefined for another error.
 *
 * @param dir That was being written to.
 */
export function explainDiskError(error: unknown, dir: string): string | undefined {
  if (!(error instanceof Error && 'syscall' in error)) return undefined;
  return `The token store cannot be made in ${dir}: ${error.message}.`;
}

/** Makes the names in a directory last through a power cut. */
export async function syncDirectory(dir: string): Promise<void> {
  const handle = await open(dir, 'r');
  await handle.sync();
  await handle.close();
}
