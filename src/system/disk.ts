import * as nodeFs from 'node:fs/promises';
import path from 'node:path';
import { errorCode } from './error-code.js';
import { UserError } from '../errors.js';
import { describeSystemError } from './system-errors.js';

/** Files that survive a power cut, written and read through a file system that tests can make fail. */

/** The part of `node:fs/promises` that a run's directory is written and read with. */
export type RunFileSystem = Pick<typeof nodeFs, 'open' | 'mkdir' | 'readdir' | 'rename' | 'rm'>;

/** Writes all of `bytes` at a position: one write may take less than it was given. */
export async function writeFully(
  file: nodeFs.FileHandle,
  bytes: Uint8Array,
  position: number,
): Promise<void> {
  for (let done = 0; done < bytes.length;) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    // Without this a disk that takes nothing would be asked for ever.
    if (bytesWritten === 0) throw new DiskRefusal('the disk takes no more bytes');
    done += bytesWritten;
  }
}

/** Writes a text file and flushes it to the disk. */
export async function writeText(fs: RunFileSystem, file: string, text: string): Promise<void> {
  const handle = await fs.open(file, 'w');
  try {
    await writeFully(handle, Buffer.from(text), 0);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Writes a small file so that it is either the old or the new one, whatever happens. */
export async function replaceText(fs: RunFileSystem, file: string, text: string): Promise<void> {
  const temporary = `${file}.partial`;
  await writeText(fs, temporary, text);
  await fs.rename(temporary, file);
  await syncDirectory(fs, path.dirname(file));
}

/** Replaces several small files of a directory: all of them, or none where the disk refuses to take one. */
export async function replaceTexts(
  fs: RunFileSystem,
  directory: string,
  texts: Record<string, string>,
): Promise<void> {
  const files = Object.keys(texts).map((name) => path.join(directory, name));
  try {
    for (const [index, text] of Object.values(texts).entries()) {
      await writeText(fs, `${files[index]!}.partial`, text);
    }
  } catch (error) {
    for (const file of files) await removeUnlessRefused(fs, `${file}.partial`);
    throw error;
  }
  // A name takes no room: these do not fail for want of it.
  for (const file of files) await fs.rename(`${file}.partial`, file);
  await syncDirectory(fs, directory);
}

/** Removes what another failure has left; that it cannot be removed is no second one. */
export async function removeUnlessRefused(fs: RunFileSystem, place: string): Promise<void> {
  try {
    await fs.rm(place, { recursive: true, force: true });
  } catch (error) {
    if (describeDiskError(error) === undefined) throw error;
  }
}

/**
 * Reads a text file.
 *
 * @param maxBytes a larger file is not what it should be, and not read
 */
export async function readText(fs: RunFileSystem, file: string, maxBytes: number): Promise<string> {
  const handle = await fs.open(file, 'r');
  try {
    const { size } = await handle.stat();
    if (size > maxBytes)
      throw new DiskRefusal(`it has ${size} bytes, expected at most ${maxBytes}`);
    const bytes = Buffer.alloc(size);
    for (let done = 0; done < size;) {
      const { bytesRead } = await handle.read(bytes, done, size - done, done);
      if (bytesRead === 0) throw new DiskRefusal('it was cut off while it was read');
      done += bytesRead;
    }
    return bytes.toString();
  } finally {
    await handle.close();
  }
}

/** Makes the names in a directory last through a power cut. */
export async function syncDirectory(fs: RunFileSystem, directory: string): Promise<void> {
  const handle = await fs.open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A refusal that no error of the operating system tells of. */
class DiskRefusal extends Error {
  override name = 'DiskRefusal';
}

/** "no space left on device (ENOSPC)"; undefined for errors that are not the disk's. */
export function describeDiskError(error: unknown): string | undefined {
  if (error instanceof DiskRefusal) return error.message;
  return describeSystemError(error) ?? (errorCode(error) || undefined);
}

/** Runs `work`; what the disk refuses becomes a sentence that begins with `sentence`. */
export async function explainDisk<T>(sentence: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const reason = describeDiskError(error);
    if (reason === undefined) throw error;
    throw new UserError(`${sentence}: ${reason}`, { cause: error });
  }
}
