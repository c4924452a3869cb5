import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { UserError } from '../../errors.js';
import { explainDiskError } from '../../system/disk-errors.js';
import { keptInput } from '../input/sources.js';
import { openWorkplace, type Workplace } from './workplace.js';

/**
 * Copies standard input into a file, because a corpus is read more than once.
 *
 * @returns The file, whose name tells its content: the same input gives the same corpus.
 */
export async function keepStandardInput(storeDir: string): Promise<string> {
  let workplace: Workplace | undefined;
  const content = createHash('sha256');
  try {
    workplace = await openWorkplace(storeDir, 'stdin');
    const partial = join(workplace.dir, 'content');
    await pipeline(
      process.stdin,
      async function* (bytes: AsyncIterable<Buffer>) {
        for await (const each of bytes) {
          content.update(each);
          yield each;
        }
      },
      createWriteStream(partial, { flush: true }),
    );
    const path = join(storeDir, keptInput(content.digest('hex')));
    await rename(partial, path);
    return path;
  } catch (error) {
    const message = explainDiskError(error, storeDir);
    throw message === undefined ? error : new UserError(message, { cause: error });
  } finally {
    await workplace?.close();
  }
}
