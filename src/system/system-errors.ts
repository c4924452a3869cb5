import { getSystemErrorMap } from 'node:util';
import { UserError } from '../errors.js';
import { asStaleBuild } from './stale-build.js';

/** What the operating system refuses, in words that its reader can act upon. */

/** Refusals that only a mistake of this program brings about. */
const ownMistakes = new Set(['EBADF', 'EFAULT']);

/** What is done by calls of the system, where their names do not tell. */
const deeds: Readonly<Record<string, string>> = {
  scandir: 'list the directory',
  opendir: 'list the directory',
  mkdir: 'make the directory',
  mkdtemp: 'make the directory',
  rmdir: 'remove the directory',
  unlink: 'remove',
  rm: 'remove',
  stat: 'look at',
  lstat: 'look at',
  fstat: 'look at',
  access: 'look at',
  realpath: 'follow the path',
  readlink: 'follow the link',
  ftruncate: 'cut off',
  fsync: 'write',
  copyfile: 'copy',
  spawn: 'start',
};

/** "permission denied (EACCES)"; undefined for errors that are not the operating system's. */
export function describeSystemError(error: unknown): string | undefined {
  if (!(error instanceof Error && 'code' in error && typeof error.code === 'string')) {
    return undefined;
  }
  const { code } = error;
  for (const [name, words] of getSystemErrorMap().values()) {
    if (name === code) return `${words} (${code})`;
  }
  return undefined;
}

/**
 * The sentence about an error of the operating system that nobody closer to it has put in words:
 * a full disk, a folder without permission, a file of the program that is missing and the like are no bugs. Undefined
 * for other errors.
 */
export function asUserError(error: unknown): UserError | undefined {
  const stale = asStaleBuild(error);
  if (stale) return stale;
  const reason = describeSystemError(error);
  if (reason === undefined || !(error instanceof Error && 'syscall' in error)) return undefined;
  const { syscall, path, code } = error as NodeJS.ErrnoException;
  if (ownMistakes.has(code!)) return undefined;
  const what = path === undefined ? 'what is asked for' : JSON.stringify(path);
  return new UserError(`Cannot ${deeds[syscall!] ?? syscall!} ${what}: ${reason}.`, {
    cause: error,
  });
}

/** Words for what is neither a regular file nor a directory; undefined for those. */
export function describeOddFile(found: {
  isFile(): boolean;
  isDirectory(): boolean;
  isFIFO(): boolean;
  isSocket(): boolean;
}): string | undefined {
  if (found.isFile() || found.isDirectory()) return undefined;
  if (found.isFIFO()) return 'a pipe';
  return found.isSocket() ? 'a socket' : 'a device';
}
