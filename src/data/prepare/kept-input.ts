import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { UserError } from '../../errors.js';
import { explainDiskError } from '../../system/disk-errors.js';
import {
  makeDirectory,
  unmakeDirectories,
  type MadeDirectory,
} from '../../system/make-directory.js';
import { type FileStamp, keptInput, sameStamp, stampOf } from '../input/sources.js';
import { missingAsUndefined } from '../store/sealed-json.js';
import { openWorkplace, type Workplace } from './workplace.js';

/** A copy of standard input, whose name tells its content: the same input gives the same corpus. */
export interface KeptInput {
  readonly path: string;
  readonly stamp: FileStamp;
  /** Whether there was none of this content before. */
  readonly isNew: boolean;
  /** Directories that were made for it. */
  readonly made: readonly MadeDirectory[];
}

/** Who hears how copying goes, and may end it. */
export interface Copying {
  begin(): void;
  /** @param bytes since the last time */
  take(bytes: number): void;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Copies standard input into a file, because a corpus is read more than once.
 *
 * @throws UserError where the disk takes no copy; the reason of a signal that aborts
 */
export async function keepStandardInput(storeDir: string, copying?: Copying): Promise<KeptInput> {
  copying?.begin();
  let workplace: Workplace | undefined;
  const content = createHash('sha256');
  const made: MadeDirectory[] = [];
  try {
    made.push(...(await makeDirectory(storeDir)));
    workplace = await openWorkplace(storeDir, 'stdin');
    const partial = join(workplace.dir, 'content');
    await pipeline(
      process.stdin,
      async function* (bytes: AsyncIterable<Buffer>) {
        for await (const each of bytes) {
          content.update(each);
          copying?.take(each.length);
          yield each;
        }
      },
      createWriteStream(partial, { flush: true }),
      { ...(copying?.signal && { signal: copying.signal }) },
    );
    const path = join(storeDir, keptInput(content.digest('hex')));
    const isNew = (await stampOf(path).catch(missingAsUndefined)) === undefined;
    await rename(partial, path);
    return { path, stamp: await stampOf(path), isNew, made };
  } catch (error) {
    // Streams that are aborted fail with an error of their own.
    copying?.signal?.throwIfAborted();
    const message = explainDiskError(error, storeDir);
    throw message === undefined ? error : new UserError(message, { cause: error });
  } finally {
    await workplace?.close();
    unmakeDirectories(made);
  }
}

/** Removes the copy that was made for sources which were refused, unless another process has come to use it. */
export async function discardInput(sources: readonly { kept?: KeptInput }[]): Promise<void> {
  for (const { kept } of sources) {
    if (!kept?.isNew) continue;
    const found = await stampOf(kept.path).catch(missingAsUndefined);
    if (found && sameStamp(found, kept.stamp)) await rm(kept.path, { force: true });
    unmakeDirectories(kept.made);
  }
}
