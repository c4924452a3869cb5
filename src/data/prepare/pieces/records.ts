import * as z from 'zod';

/**
 * What is kept as JSON of the first stage's work. (Apart from the code that workers run, which start
 * faster without the checks.)
 */

const size = z.int().min(0);

/** What a piece holds; see `PieceFile`. */
export const pieceRecordSchema = z.strictObject({
  file: z.string(),
  /** Rows that can be used. */
  rows: size,
  badRows: size,
  tokens: size,
  /** Entries of the dictionary. */
  words: size,
  /** How many values of each feature of tokens it has; of pairs entries of the dictionary of their sources. */
  values: z.array(size),
  /** Names of the classes, in the order of their first appearance. */
  labels: z.array(z.string()),
  /** How JSON writes each of them: see `WRITTEN` of pieces; 0 for what no JSON has. */
  labelsWritten: z.array(size),
  /** Offset and length of each section in the order of the file, in bytes. */
  sections: z.array(z.tuple([size, size])),
  /** Of the whole file, and the CRC-32 of its checksums. */
  bytes: size,
  sums: size,
});

export type PieceRecord = z.output<typeof pieceRecordSchema>;

const stretch = z.strictObject({ start: size, end: size });
const extent = stretch.extend({ target: stretch.exactOptional() });

/** What was cut of an extent. */
export const extentRecordSchema = z.strictObject({
  extent,
  /** Rows and lines of the extent, bad rows included. */
  rows: size,
  lines: size,
  pieces: z.array(pieceRecordSchema),
});

export type ExtentRecord = z.output<typeof extentRecordSchema>;

/** What is known of a file at a place, as long as it is what it was when it was read. */
export const placeRecordSchema = z.strictObject({
  /** The whole path, and the directory in which was said that the file is to be read. */
  path: z.string(),
  asked: z.string(),
  bytes: size,
  /** In nanoseconds. */
  modified: z.string(),
  changed: z.string(),
  sha256: z.string(),
});

export type PlaceRecord = z.output<typeof placeRecordSchema>;

/** How the files of one content are divided. */
export const contentRecordSchema = z.strictObject({
  sha256: z.string(),
  extents: z.array(extent).min(1),
});

export type ContentRecord = z.output<typeof contentRecordSchema>;
