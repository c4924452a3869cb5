import { z } from 'zod';

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
  /** Names of the classes, in the order of their first appearance. */
  labels: z.array(z.string()),
  /** Offset and length of each section in the order of the file, in bytes. */
  sections: z.array(z.tuple([size, size])),
  bytes: size,
});

export type PieceRecord = z.output<typeof pieceRecordSchema>;

/** What was cut of an extent. */
export const extentRecordSchema = z.strictObject({
  /** Rows and lines of the extent, bad rows included. */
  rows: size,
  lines: size,
  pieces: z.array(pieceRecordSchema),
});

export type ExtentRecord = z.output<typeof extentRecordSchema>;

/** Of which file pieces are, as it was when they were cut. */
export const sourceRecordSchema = z.strictObject({
  path: z.string(),
  bytes: size,
  /** In nanoseconds. */
  modified: z.string(),
  sha256: z.string(),
  extents: z.array(z.strictObject({ start: size, end: size })).min(1),
});

export type SourceRecord = z.output<typeof sourceRecordSchema>;
