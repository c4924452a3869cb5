/**
 * One record of a split's `.rows` file, little-endian: where the row's tokens begin (uint64, in
 * tokens), its label (int32: a class, -1 without; or the bits of a float32), its source (uint32, index into the manifest's sources)
 * and its row number there (uint64, from 1). A last record holds only where the tokens end.
 */
export const recordBytes = 24;

const labelAt = 8;
const sourceAt = 12;
const rowAt = 16;

export interface RowRecord {
  readonly start: number;
  readonly label: number;
  readonly source: number;
  readonly row: number;
}

/** Row numbers and token positions stay below 2^53, so that they are exact as numbers. */
export function writeRecord(into: Buffer, at: number, record: RowRecord): void {
  writeUint64(into, at, record.start);
  into.writeInt32LE(record.label, at + labelAt);
  into.writeUInt32LE(record.source, at + sourceAt);
  writeUint64(into, at + rowAt, record.row);
}

export function readRecord(from: Buffer, at: number): RowRecord {
  return {
    start: readUint64(from, at),
    label: from.readInt32LE(at + labelAt),
    source: from.readUInt32LE(at + sourceAt),
    row: readUint64(from, at + rowAt),
  };
}

// Two words rather than a bigint, which would be allocated for every row.
function writeUint64(into: Buffer, at: number, value: number): void {
  into.writeUInt32LE(value % 2 ** 32, at);
  into.writeUInt32LE(Math.floor(value / 2 ** 32), at + 4);
}

function readUint64(from: Buffer, at: number): number {
  return from.readUInt32LE(at) + from.readUInt32LE(at + 4) * 2 ** 32;
}
