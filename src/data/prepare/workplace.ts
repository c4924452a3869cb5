import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type FileLock, isAbandoned, takeLock } from '../../system/file-lock.js';
import { makeDirectory, unmakeDirectories } from '../../system/make-directory.js';
import { errorCode } from '../../system/error-code.js';
import { missingAsUndefined } from '../store/sealed-json.js';

/**
 * Where a process writes before anything of it is seen by others: a directory of its own in the store directory,
 * which says whose it is for as long as that one lives. A kill leaves nothing else behind, and the next process that
 * writes there clears it away.
 */
export interface Workplace {
  readonly dir: string;
  /** Clears it away. */
  close(): Promise<void>;
}

/** In the name of every workplace, behind what it is for. */
const mark = '.partial-';

/** Says whose a workplace is. */
const holderName = 'holder';

/** The end of the name of a lock in a store directory. */
export const lockEnding = '.lock';

/** A process that cannot be looked up from here and has shown no life for so long is taken for dead. */
const longestSilenceMs = 600_000;

/**
 * Makes a workplace in a store directory, and clears away those of the dead.
 *
 * @param ours What the names begin with of all that may be cleared away.
 */
export async function openWorkplace(
  storeDir: string,
  purpose: string,
  ours = '',
): Promise<Workplace> {
  const made = await makeDirectory(storeDir);
  const dir = await mkdtemp(join(storeDir, `${purpose}${mark}`)).catch((error: unknown) => {
    unmakeDirectories(made);
    throw error;
  });
  const remove = async (): Promise<void> => {
    await rm(dir, { recursive: true, force: true, maxRetries: 3 });
    // Where nothing else came to lie in them.
    unmakeDirectories(made);
  };
  let lock: FileLock;
  try {
    lock = await takeLock(join(dir, holderName), {
      notice: () => undefined,
      onHeld: () => undefined,
    });
    await removeLeftovers(storeDir, ours, (await stat(join(dir, holderName))).mtimeMs);
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    dir,
    async close() {
      lock.release();
      await remove();
    },
  };
}

/** @param now By the clock of the disk. */
async function removeLeftovers(storeDir: string, ours: string, now: number): Promise<void> {
  for (const name of await readdir(storeDir)) {
    const path = join(storeDir, name);
    const isWorkplace = name.includes(mark);
    if (!name.startsWith(ours) || !(isWorkplace || name.includes(lockEnding))) continue;
    const holder = isWorkplace ? join(path, holderName) : path;
    try {
      const isDead = isAbandoned(holder) ?? (await isSilent([holder, path], now));
      if (isDead) await rm(path, { recursive: true, force: true, maxRetries: 3 });
    } catch (error) {
      // What cannot be removed, because it is another user's, is in nobody's way.
      if (errorCode(error) === '') throw error;
    }
  }
}

/** Of the first of the paths that is there. */
async function isSilent(paths: readonly string[], now: number): Promise<boolean> {
  for (const path of paths) {
    const found = await stat(path).catch(missingAsUndefined);
    if (found !== undefined) return now - found.mtimeMs > longestSilenceMs;
  }
  return false;
}
