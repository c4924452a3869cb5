import { randomBytes } from 'node:crypto';
import { constants, type Stats } from 'node:fs';
import { type FileHandle, lstat, open, realpath, rename, rm, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Writable } from 'node:stream';
import { errorCode } from '../../system/error-code.js';
import { missingAsUndefined } from '../../data/store/sealed-json.js';
import { UserError } from '../../errors.js';
import type { Writer } from '../reading/own-files.js';

/** The file that `--out` names. */

export interface PredictionFile {
  readonly stream: Writable;
  /** Whether a file that is read is the one that would be replaced. */
  readonly isSame: (file: Stats) => boolean;
}

interface OpenedFile extends PredictionFile {
  /** What was written takes its place. */
  finish(): Promise<void>;
  /** Nothing has happened. */
  discard(): Promise<void>;
}

/**
 * Opens the file, before anything else is done that could be in vain. It is written beside its final
 * place and moves there when all is well: a failure leaves what was there.
 *
 * @param writer Whose files may be replaced.
 * @param overwrite Whether any others may.
 * @param write Writes it, and says whether all of it is there.
 * @throws UserError when the file cannot be written, or is somebody else's.
 */
export async function writePredictionFile(
  path: string,
  writer: Writer,
  overwrite: boolean,
  write: (file: PredictionFile) => Promise<boolean>,
): Promise<void> {
  const file = await openFile(path, writer, overwrite).catch((error: unknown) => {
    throw explain(error, path);
  });
  let failure: unknown;
  file.stream.once('error', (error) => (failure = error));
  let isWhole = false;
  try {
    isWhole = await write(file);
    if (isWhole) await finish(file, path);
  } catch (error) {
    isWhole = false;
    throw error === failure ? explain(error, path) : error;
  } finally {
    if (!isWhole) await file.discard();
  }
}

async function finish(file: OpenedFile, path: string): Promise<void> {
  try {
    await file.finish();
  } catch (error) {
    throw explain(error, path);
  }
}

async function openFile(path: string, writer: Writer, overwrite: boolean): Promise<OpenedFile> {
  const there = await statIfAny(path);
  if (there === undefined) {
    if ((await lstat(path).catch(missingAsUndefined))?.isSymbolicLink() === true) {
      throw new UserError(
        `--out: ${path} is a link that leads to no file: remove it, or name another file`,
      );
    }
    return openBeside(path, undefined, writer, overwrite);
  }
  if (there.isDirectory()) throw new UserError(`--out: ${path} is a directory: expected a file`);
  // What a link leads to is replaced, not the link.
  if (there.isFile()) return openBeside(await realpath(path), there, writer, overwrite);
  return openStream(path, there);
}

async function openBeside(
  path: string,
  there: Stats | undefined,
  writer: Writer,
  overwrite: boolean,
): Promise<OpenedFile> {
  const check = async (): Promise<void> => {
    if (overwrite || (await isReplaceable(path, writer))) return;
    throw new UserError(
      `--out: ${path} is there, and nothing shows that ${writer.command} wrote it: name another file, or add --overwrite`,
    );
  };
  await check();
  // Another prediction may be on its way to the same place.
  const partial = `${path}.${randomBytes(4).toString('hex')}.partial`;
  const stream = (await open(partial, 'wx')).createWriteStream({ flush: true });
  return {
    stream,
    isSame: (file) => there?.ino === file.ino && there.dev === file.dev,
    finish: async () => {
      // It may have come into being meanwhile.
      await check();
      await rename(partial, path);
    },
    discard: async () => {
      stream.destroy();
      await rm(partial, { force: true });
    },
  };
}

/** A device or a pipe takes what is written at once. */
async function openStream(path: string, there: Stats): Promise<OpenedFile> {
  const handle = there.isFIFO() ? await openPipe(path) : await open(path, 'w');
  const stream = handle.createWriteStream();
  return {
    stream,
    isSame: () => false,
    finish: () => Promise.resolve(),
    discard: () => Promise.resolve(void stream.destroy()),
  };
}

/** Without a reader, opening a pipe would wait for one. */
async function openPipe(path: string): Promise<FileHandle> {
  const probe = await open(path, constants.O_WRONLY | constants.O_NONBLOCK).catch(
    (error: unknown) => {
      if (errorCode(error) !== 'ENXIO') throw error;
      throw new UserError(`--out: ${path} is a pipe that nobody reads`);
    },
  );
  try {
    return await open(path, 'w');
  } finally {
    await probe.close();
  }
}

async function statIfAny(path: string): Promise<Stats | undefined> {
  return stat(path).catch(missingAsUndefined);
}

/** How much of a file is looked at: its lines may be long, and the first ones need not tell who wrote it. */
const mostLookedAt = 1 << 24;
const pieceBytes = 1 << 16;

/** Whether a file holds nothing, or what only this command writes, or is not there. */
async function isReplaceable(path: string, writer: Writer): Promise<boolean> {
  const file = await open(path).catch(missingAsUndefined);
  if (file === undefined) return true;
  try {
    let isEmpty = true;
    for await (const line of readLines(file)) {
      isEmpty = false;
      const isOwn = writer.knows(line);
      if (isOwn !== undefined) return isOwn;
    }
    return isEmpty;
  } finally {
    await file.close();
  }
}

/** The first lines of a file; the last one may be cut off. */
async function* readLines(file: FileHandle): AsyncGenerator<string, void, undefined> {
  let pieces: Buffer[] = [];
  let bytes = 0;
  while (bytes < mostLookedAt) {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(pieceBytes), 0, pieceBytes, bytes);
    if (bytesRead === 0) break;
    bytes += bytesRead;
    const piece = buffer.subarray(0, bytesRead);
    const end = piece.lastIndexOf('\n');
    if (end >= 0) {
      yield* Buffer.concat([...pieces, piece.subarray(0, end)])
        .toString()
        .split('\n');
      pieces = [];
    }
    pieces.push(piece.subarray(end + 1));
  }
  if (bytes > 0) yield Buffer.concat(pieces).toString();
}

function explain(error: unknown, path: string): unknown {
  if (error instanceof UserError || !(error instanceof Error) || !('syscall' in error))
    return error;
  const code = errorCode(error);
  const reason = code === 'ENOENT' ? `there is no folder ${JSON.stringify(dirname(path))}` : code;
  return new UserError(`--out: ${path} cannot be written (${reason})`, { cause: error });
}
