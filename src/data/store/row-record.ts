/**
 * One record of a split's `.rows` file, little-endian: where the row's tokens begin (uint64, in tokens), its label
 * (int32: a class, -1 without; or the bits of a float32; or, of a set of labels, as many words as it takes; of a pair two
 * that say where its source's tokens begin), its source (uint32, index into the manifest's sources) and its row number
 * there (uint64, from 1). A last record holds only where the tokens end.
 */

/** @param labelWords Of a row's label. */
export function recordBytes(labelWords: number): number {
  return labelAt + 4 * labelWords + sourceAndRow;
}

const labelAt = 8;
const sourceAndRow = 12;

export interface RowPlace {
  readonly start: number;
  readonly source: number;
  readonly row: number;
}

export interface RowRecord extends RowPlace {
  /** Its word, or the words of a set. */
  readonly label: number | Int32Array;
}

/** Words of the label of a pair, which say where the tokens of its source begin. */
export const SOURCE_WORDS = 2;

/** The label of a pair. */
export function sourceLabel(start: number): Int32Array {
  return Int32Array.of((start % 2 ** 32) | 0, Math.floor(start / 2 ** 32));
}

/** Where the tokens of a pair's source begin. */
export function readSourceStart(from: Buffer, at: number): number {
  return readUint64(from, at + labelAt);
}

/** Row numbers and token positions stay below 2^53, so that they are exact as numbers. */
export function writeRecord(into: Buffer, at: number, record: RowRecord): void {
  const { start, label, source, row } = record;
  writeUint64(into, at, start);
  let next = at + labelAt;
  if (typeof label === 'number') next = into.writeInt32LE(label, next);
  else for (const word of label) next = into.writeInt32LE(word, next);
  into.writeUInt32LE(source, next);
  writeUint64(into, next + 4, row);
}

export function readRecord(from: Buffer, at: number, labelWords: number): RowPlace {
  const source = at + labelAt + 4 * labelWords;
  return {
    start: readUint64(from, at),
    source: from.readUInt32LE(source),
    row: readUint64(from, source + 4),
  };
}

/** The words of a record's label, into `into` from its place `place` on. */
export function readLabel(
  from: Buffer,
  at: number,
  labelWords: number,
  into: Int32Array,
  place: number,
): void {
  for (let word = 0; word < labelWords; word++) {
    into[place + word] = from.readInt32LE(at + labelAt + 4 * word);
  }
}

// Two words rather than a bigint, which would be allocated for every row.
function writeUint64(into: Buffer, at: number, value: number): void {
  into.writeUInt32LE(value % 2 ** 32, at);
  into.writeUInt32LE(Math.floor(value / 2 ** 32), at + 4);
}

function readUint64(from: Buffer, at: number): number {
  return from.readUInt32LE(at) + from.readUInt32LE(at + 4) * 2 ** 32;
}
