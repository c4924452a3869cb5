/** Parts of a source that can be read apart from each other, each by a task of its own. */

/** From `start` up to, not including, `end`: in bytes of the file; of a Parquet file, row groups. */
export interface Extent extends Stretch {
  /** Of two files whose lines belong together: the part of the other one. */
  readonly target?: Stretch;
}

interface Stretch {
  readonly start: number;
  readonly end: number;
}

export function sameExtent(a: Extent, b: Extent): boolean {
  const same = (one: Stretch, other: Stretch): boolean =>
    one.start === other.start && one.end === other.end;
  if (!same(a, b)) return false;
  return a.target && b.target ? same(a.target, b.target) : a.target === b.target;
}

/**
 * The end of an extent of a CSV file turned out to lie inside a row, so that this one and all that
 * follow are wrong: the source has to be read as one extent.
 */
export class BrokenExtent extends Error {
  override name = 'BrokenExtent';
}
