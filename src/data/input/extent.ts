/** Parts of a source that can be read apart from each other, each by a task of its own. */

/** From `start` up to, not including, `end`: in bytes of the file; of a Parquet file, row groups. */
export interface Extent {
  readonly start: number;
  readonly end: number;
}

/**
 * The end of an extent of a CSV file turned out to lie inside a row, so that this one and all that
 * follow are wrong: the source has to be read as one extent.
 */
export class BrokenExtent extends Error {
  override name = 'BrokenExtent';
}
