import { taskOf } from '../../../tasks/registry.js';
import { assignRows } from './assignment.js';
import { readLeft } from './count.js';
import type { SplitName } from './split.js';
import type { BuildJob } from './job.js';
import { PieceFile } from '../pieces/piece.js';

/** Rows with the same text, found by the hashes of some buckets over all pieces. */

/** Rows that others have the text of; pairs that are left out of training are none. */
export interface Repeats {
  /** Rows with the text of an earlier one, over all files. */
  duplicates: number;
  /** Rows of these splits with the text of a row to train on; of a language model's, if the splits have files of their own. */
  validation: number;
  test: number;
}

const nothing: ReadonlySet<number> = new Set();

/** @param buckets From the first, not including the second. */
export function countRepeats(job: BuildJob, buckets: readonly [number, number]): Repeats {
  const parts: Record<SplitName, BigUint64Array[]> = { train: [], validation: [], test: [] };
  const { validation: some, test: others } = job.fractions;
  // Those of a language model divide streams, not rows.
  const isDealt = taskOf(job.task).rows === 'apart' && some + others > 0;
  for (const [index, placed] of job.pieces.entries()) {
    const piece = new PieceFile(placed.dir, placed.record);
    try {
      const starts = piece.readWords('rowBuckets');
      const [first, last] = [starts[buckets[0]]!, starts[buckets[1]]!];
      const bytes = piece.read('rowHashes', 8 * first, 8 * (last - first));
      const hashes = new BigUint64Array(bytes.buffer, bytes.byteOffset, last - first);
      const left = job.pairs && placed.from === 'train' ? readLeft(job.scratch, index) : nothing;
      const isDivided = isDealt && placed.from === 'train';
      if (!isDivided && left.size === 0) {
        parts[placed.from].push(hashes);
        continue;
      }
      const splitOf = assignRows(placed, job.fractions);
      const splits = Array.from(piece.readWords('hashRows', first, last - first), (row) =>
        left.has(row) ? undefined : splitOf(placed.rowsBefore + row),
      );
      for (const split of ['train', 'validation', 'test'] as const) {
        parts[split].push(hashes.filter((_, i) => splits[i] === split));
      }
    } finally {
      piece.close();
    }
  }
  const gather = (own: readonly BigUint64Array[]): BigUint64Array => {
    const hashes = new BigUint64Array(own.reduce((sum, part) => sum + part.length, 0));
    let at = 0;
    for (const part of own) {
      hashes.set(part, at);
      at += part.length;
    }
    return hashes.sort();
  };
  const [train, validation, test] = [parts.train, parts.validation, parts.test].map(gather);
  const rows = train!.length + validation!.length + test!.length;
  return {
    duplicates: rows - countDistinct([train!, validation!, test!]),
    validation: countCommon(validation!, train!),
    test: countCommon(test!, train!),
  };
}

/** Different values of sorted lists. */
function countDistinct(lists: readonly BigUint64Array[]): number {
  const at = lists.map(() => 0);
  for (let distinct = 0; ; distinct++) {
    let least: bigint | undefined;
    for (const [i, list] of lists.entries()) {
      const value = list[at[i]!];
      if (value !== undefined && (least === undefined || value < least)) least = value;
    }
    if (least === undefined) return distinct;
    for (const [i, list] of lists.entries()) while (list[at[i]!] === least) at[i]! += 1;
  }
}

/** How many values of a sorted list another sorted list has. */
function countCommon(values: BigUint64Array, others: BigUint64Array): number {
  let common = 0;
  let at = 0;
  for (const value of values) {
    while (at < others.length && others[at]! < value) at += 1;
    if (others[at] === value) common += 1;
  }
  return common;
}
