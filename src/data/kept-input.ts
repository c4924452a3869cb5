import { createHash } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { ownMark } from './prepare/leftovers.js';

/**
 * Copies standard input into a file, because a corpus is read more than once.
 *
 * @returns The file, whose name tells its content: the same input gives the same corpus.
 */
export async function keepStandardInput(storeDir: string): Promise<string> {
  await mkdir(storeDir, { recursive: true });
  const partial = join(storeDir, `stdin.${ownMark()}`);
  const content = createHash('sha256');
  try {
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
    const path = join(storeDir, `stdin-${content.digest('hex')}`);
    await rename(partial, path);
    return path;
  } finally {
    await rm(partial, { force: true });
  }
}
