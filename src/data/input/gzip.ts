import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import { errorCode } from '../../system/error-code.js';

/** Its message goes on from "the gzip data". */
export class DamagedGzip extends Error {
  override name = 'DamagedGzip';
}

/**
 * Decompresses data that arrives in pieces: gzip's members, one after the other, and zeros behind
 * the last one, with which some programs fill blocks.
 *
 * @param chunkSize Length of the pieces that come out.
 * @throws DamagedGzip
 */
export async function* decompressGzip(
  pieces: AsyncIterable<Uint8Array>,
  chunkSize: number,
): AsyncGenerator<Buffer, void, undefined> {
  // One piece at a time: when the next one is asked for, all of the former has been seen.
  const gunzip = createGunzip({ chunkSize, ...{ writableHighWaterMark: 1 } });
  const feed = async function* (): AsyncGenerator<Uint8Array, void, undefined> {
    let fed = 0;
    let end: number | undefined;
    for await (const piece of pieces) {
      const start = fed;
      fed += piece.length;
      if (end === undefined) yield piece;
      // A zero where a member might begin ends everything for zlib.
      if (gunzip.bytesWritten < fed) end ??= gunzip.bytesWritten;
      if (end === undefined) continue;
      const rest = piece.subarray(Math.max(0, end - start));
      if (rest.some((byte) => byte !== 0)) {
        throw new DamagedGzip(
          `ends at byte ${end}, but other bytes follow: expected another member or the end of the file`,
        );
      }
    }
  };
  const fed = pipeline(feed, gunzip);
  // A failure also reaches the reader of `gunzip`, unless it comes when all has been read.
  fed.catch(() => undefined);
  try {
    // Zeros end what is read before all is written: whoever reads must not end the writing with it.
    for await (const chunk of gunzip.iterator({ destroyOnReturn: false })) yield chunk as Buffer;
    await fed;
  } catch (error) {
    if (!errorCode(error).startsWith('Z_')) throw error;
    throw new DamagedGzip('is damaged or cut off', { cause: error });
  } finally {
    gunzip.destroy();
  }
}
