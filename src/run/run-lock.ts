import path from 'node:path';
import { UserError } from '../errors.js';
import { type FileLock, type LockTiming, takeLock } from '../system/file-lock.js';
import { makeDirectory, unmakeDirectories, type MadeDirectory } from '../system/make-directory.js';
import { explainDisk } from '../system/disk.js';

/** Keeps a second process out of a run's directory. */
const LOCK_FILE = 'lock';

/**
 * Takes the lock of a run's directory, making the directory where there is none; one that was made goes with the lock
 * when nothing else came to lie in it.
 *
 * @param notice hears why it takes long, where it does
 * @throws UserError naming who holds the lock
 */
export async function lockRun(
  directory: string,
  notice: (message: string) => void,
  timing?: LockTiming,
): Promise<FileLock> {
  const file = path.join(directory, LOCK_FILE);
  const onHeld = (holder: string): never => {
    throw new UserError(
      `${directory} is in use by ${holder}: ` +
        'wait until it has ended, or name another directory with --run-dir',
    );
  };
  const made: MadeDirectory[] = [];
  const take = async (): Promise<FileLock> => {
    made.push(...(await makeDirectory(directory)));
    return takeLock(file, { notice, onHeld, timing });
  };
  let lock: FileLock;
  try {
    lock = await explainDisk(`${file}: cannot be written`, async () => {
      try {
        return await take();
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
        // The directory went with the lock of whoever had made it.
        return take();
      }
    });
  } catch (error) {
    unmakeDirectories(made);
    throw error;
  }
  const release = (): void => {
    process.off('exit', release);
    lock.release();
    // Where somebody else has taken the lock it lies in there.
    unmakeDirectories(made);
  };
  // Also when a signal ends the process at once: nobody is to wonder whether we still live.
  process.on('exit', release);
  return { describeLoss: () => lock.describeLoss(), release };
}
