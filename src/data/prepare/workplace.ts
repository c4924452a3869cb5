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

/** In the name of every workplace, behind what it is for and before six characters that chance has chosen. */
const mark = '.partial-';

/**
 * What workplaces in a store directory are for: standard input, or a store by its key. Locks are called so, too. A store
 * directory may be a project's own, with other files of such endings in it (yarn.lock): they are not ours to clear away.
 */
const ofStores = '(?:stdin|[0-9a-f]{16}-[0-9a-f]{8})';

/** Says whose a workplace is. */
const holderName = 'holder';

/** The end of the name of a lock in a store directory. */
export const lockEnding = '.lock';

/** A process that cannot be looked up from here and has shown no life for so long is taken for dead. */
const longestSilenceMs = 600_000;

/**
 * Makes a workplace in a store directory, and clears away those of the dead.
 *
 * @param ours A pattern of the purposes whose workplaces may be cleared away.
 */
export async function openWorkplace(
  storeDir: string,
  purpose: string,
  ours = ofStores,
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
  const workplace = new RegExp(`^${ours}\\${mark}[^.]{6}$`);
  // A lock in this place, one by which it is taken over, and either while it is being written.
  const lock = new RegExp(
    `^${ours}-[0-9a-f]{8}\\${lockEnding}(?:\\.takeover)?(?:\\.[0-9a-f-]{36})?$`,
  );
  for (const name of await readdir(storeDir)) {
    const path = join(storeDir, name);
    const isWorkplace = workplace.test(name);
    if (!isWorkplace && !lock.test(name)) continue;
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
