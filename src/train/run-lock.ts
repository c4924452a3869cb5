import * as nodeFs from 'node:fs';
import path from 'node:path';
import { UserError } from '../errors.js';
import { type FileLock, type LockTiming, takeLock } from '../file-lock.js';

/** Keeps a second process out of a run's directory. */
const LOCK_FILE = 'lock';

/**
 * Takes the lock of a run's directory, making the directory where there is none.
 *
 * @param notice hears why it takes long, where it does
 * @throws UserError naming the process that holds the lock
 */
export async function lockRun(
  directory: string,
  notice: (message: string) => void,
  timing?: LockTiming,
): Promise<FileLock> {
  const file = path.join(directory, LOCK_FILE);
  const onHeld = (holder: string): never => {
    throw new UserError(
      `${directory} is in use by another process (${holder}): ` +
        'wait until it has ended, or name another directory with --run-dir',
    );
  };
  try {
    nodeFs.mkdirSync(directory, { recursive: true });
    return await takeLock(file, { notice, onHeld, timing });
  } catch (error) {
    if (error instanceof UserError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new UserError(`${file}: cannot be written (${code ?? String(error)})`, { cause: error });
  }
}
