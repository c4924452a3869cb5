import type { BuildJob } from './job.js';
import { PieceFile } from './piece.js';

/** Rows with the same text, found by the hashes of some buckets over all pieces. */

/**
 * How many rows have a text that an earlier row has.
 *
 * @param buckets From the first, not including the second.
 */
export function countDuplicates(job: BuildJob, buckets: readonly [number, number]): number {
  const parts = job.pieces.map(({ dir, record }) => {
    const piece = new PieceFile(dir, record);
    try {
      const starts = piece.readWords('rowBuckets');
      const [first, last] = [starts[buckets[0]]!, starts[buckets[1]]!];
      const bytes = piece.read('rowHashes', 8 * first, 8 * (last - first));
      return new BigUint64Array(bytes.buffer, bytes.byteOffset, last - first);
    } finally {
      piece.close();
    }
  });
  const hashes = new BigUint64Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    hashes.set(part, at);
    at += part.length;
  }
  hashes.sort();
  let duplicates = 0;
  for (let i = 1; i < hashes.length; i++) if (hashes[i] === hashes[i - 1]) duplicates += 1;
  return duplicates;
}
