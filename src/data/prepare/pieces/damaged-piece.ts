import { mkdir, rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { UserError } from '../../../errors.js';
import type { TrainListener } from '../../../events.js';

/** A piece that is not what was written, or not there: its extent has to be cut again. */
export class DamagedPiece extends Error {
  override name = 'DamagedPiece';

  constructor(readonly path: string) {
    super(`${path} is damaged`);
  }
}

/** What the piece of an extent is called. */
export const pieceName = (extent: string, index: number): string => `${extent}-${index}.piece`;

/** What the record of a finished extent is called. */
export const recordName = (extent: string): string => `${extent}.json`;

/** Has the extent of a piece count as not cut. */
async function forgetExtent(piecePath: string): Promise<void> {
  const extent = basename(piecePath).replace(/-\d+\.piece$/, '');
  await rm(join(piecePath, '..', recordName(extent)), { force: true });
  await rm(piecePath, { force: true });
}

/**
 * Has what was cut into damaged pieces cut again, and all else done again.
 *
 * @param dirs That the work fills, and that are empty when it begins.
 */
export async function withSoundPieces<T>(
  dirs: readonly string[],
  listener: TrainListener,
  work: () => Promise<T>,
): Promise<T> {
  const damaged = new Set<string>();
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof DamagedPiece)) throw error;
      if (damaged.has(error.path)) {
        throw new UserError(
          `${error.path} is damaged again, just after it was made anew: the disk does not keep what is written.`,
        );
      }
      damaged.add(error.path);
      listener({ type: 'notice', message: `${error.message}. It is made anew.` });
      await forgetExtent(error.path);
      for (const each of dirs) {
        await rm(each, { recursive: true });
        await mkdir(each);
      }
    }
  }
}
