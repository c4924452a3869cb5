import { UserError } from '../errors.js';

/**
 * The header of a safetensors file as a pure function of bytes: what a file claims about itself is
 * checked against its size before memory is taken or a tensor is touched.
 */

export interface Tensor {
  name: string;
  shape: number[];
  /** Row-major elements; may be a view on a SharedArrayBuffer. */
  data: Float32Array;
}

export type Dtype = keyof typeof elementBytes;

export interface TensorEntry {
  name: string;
  shape: number[];
  dtype: Dtype;
  /** First byte and the byte after the last, counted from the start of the file. */
  begin: number;
  end: number;
}

export const elementBytes = { F64: 8, F32: 4, F16: 2, BF16: 2 };
/** The little-endian length of the JSON that follows. */
export const prefixBytes = 8;
/** Enough for some 150,000 tensors; a longer header is damage or an attack. */
export const maxHeaderBytes = 16 * 2 ** 20;

/** The bytes before the data of `tensors`, which follow in the same order. */
export function formatHeader(tensors: Tensor[]): Uint8Array {
  const entries: [string, object][] = [];
  let begin = 0;
  for (const { name, shape, data } of tensors) {
    const elements = shape.reduce((product, size) => product * size, 1);
    if (elements !== data.length) throw new Error(`tensor ${name}: shape and data differ in size`);
    const end = begin + data.byteLength;
    entries.push([name, { dtype: 'F32', shape, data_offsets: [begin, end] }]);
    begin = end;
  }
  if (new Set(tensors.map(({ name }) => name)).size < tensors.length) {
    throw new Error('two tensors have the same name');
  }
  // The entries are joined as text because an object would move names that look like numbers.
  const fields = entries.map(([name, entry]) => `${JSON.stringify(name)}:${JSON.stringify(entry)}`);
  const json = Buffer.from(`{${fields.join(',')}}`);
  // Padded with spaces so that the tensors' data start at a multiple of 8 bytes.
  const header = Buffer.alloc(prefixBytes + Math.ceil(json.length / 8) * 8, ' ');
  header.writeBigUInt64LE(BigInt(header.length - prefixBytes));
  json.copy(header, prefixBytes);
  return header;
}

/**
 * Lists the tensors of a file of `size` bytes from its JSON header, in the order of their data.
 *
 * @throws UserError naming the file `path` when anything in the header is not as it must be
 */
export function parseHeader(path: string, header: Uint8Array, size: number): TensorEntry[] {
  const dataBegin = prefixBytes + header.length;
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(header));
  } catch (error) {
    throw broken(path, 'its header is not JSON in UTF-8', error);
  }
  if (header[0] !== '{'.charCodeAt(0) || !isRecord(parsed)) {
    throw broken(path, 'its header is not a JSON object');
  }
  const entries: TensorEntry[] = [];
  let keys = 0;
  for (const [name, value] of Object.entries(parsed)) {
    keys += 1 + (isRecord(value) ? Object.keys(value).length : 0);
    if (name === '__metadata__') {
      if (!isRecord(value) || !Object.values(value).every((text) => typeof text === 'string')) {
        throw broken(path, 'its __metadata__ is not an object of strings');
      }
    } else {
      entries.push(parseEntry(path, name, value, dataBegin));
    }
  }
  // JSON.parse keeps the last of two equal keys, so the text has more keys than what it returned.
  if (keyCount(header) !== keys) throw broken(path, 'its header has the same key twice');
  entries.sort((a, b) => a.begin - b.begin || a.end - b.end);
  checkLayout(path, entries, dataBegin, size);
  return entries;
}

function parseEntry(path: string, name: string, value: unknown, dataBegin: number): TensorEntry {
  const tensor = describe(name);
  if (!isRecord(value) || Object.keys(value).length !== 3) {
    throw broken(path, `${tensor} has no dtype, shape and data_offsets, or more than these`);
  }
  const { dtype, shape, data_offsets: offsets } = value as Record<string, unknown>;
  if (!isDtype(dtype)) {
    const expected = Object.keys(elementBytes).join(', ');
    throw broken(path, `${tensor} has an unknown dtype, expected one of ${expected}`);
  }
  if (!isSizes(shape)) throw broken(path, `${tensor} has a shape that is not a list of sizes`);
  if (!isSizes(offsets) || offsets.length !== 2) {
    throw broken(path, `${tensor} has data_offsets that are not two byte positions`);
  }
  const [begin, end] = offsets as [number, number];
  const bytes = shape.reduce((product, size) => product * size, elementBytes[dtype]);
  if (end - begin !== bytes) {
    throw broken(path, `${tensor} has data_offsets that do not fit its shape`);
  }
  return { name, shape, dtype, begin: dataBegin + begin, end: dataBegin + end };
}

/** The tensors must fill the file exactly: sorted, each starts where the one before it ended. */
function checkLayout(path: string, entries: TensorEntry[], dataBegin: number, size: number): void {
  let end = dataBegin;
  for (const entry of entries) {
    const tensor = describe(entry.name);
    if (entry.begin < end) throw broken(path, `${tensor} overlaps another one`);
    if (entry.begin > end) throw broken(path, `there is a hole before ${tensor}`);
    end = entry.end;
  }
  if (end > size) throw broken(path, `it ends after ${size} bytes, its header promises ${end}`);
  if (end < size) throw broken(path, `it has ${size - end} bytes after its last tensor`);
}

/** Counts the keys of a text that is known to be valid JSON: the colons outside of strings. */
function keyCount(json: Uint8Array): number {
  const [quote, backslash, colon] = [0x22, 0x5c, 0x3a];
  let keys = 0;
  let inString = false;
  for (let i = 0; i < json.length; i++) {
    const byte = json[i];
    if (byte === quote) inString = !inString;
    else if (inString && byte === backslash) i++;
    else if (!inString && byte === colon) keys++;
  }
  return keys;
}

/** Quoted and cut, so that a hostile name cannot break the sentence. */
function describe(name: string): string {
  return `its tensor ${JSON.stringify(name.slice(0, 80))}`;
}

function isRecord(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isDtype(value: unknown): value is Dtype {
  return typeof value === 'string' && Object.hasOwn(elementBytes, value);
}

function isSizes(value: unknown): value is number[] {
  return (
    Array.isArray(value) && value.every((size) => Number.isSafeInteger(size) && Number(size) >= 0)
  );
}

/** Says that the file at `path` cannot be used, and why. */
export function broken(path: string, reason: string, cause?: unknown): UserError {
  return new UserError(`${path} is not a sound safetensors file: ${reason}`, { cause });
}
