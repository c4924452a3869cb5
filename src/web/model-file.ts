import { UserError } from '../errors.js';
import { decodeUtf8, encodeUtf8 } from '../system/utf8.js';
import type { ModelDescription } from './description.js';

/**
 * The file of an exported model: safetensors, with its description as metadata. Weights are float32, or int8 with a float32 scale for
 * each row, `<name>.scale`, in which one is value · scale.
 */

export interface WebTensor {
  name: string;
  shape: readonly number[];
  data: Float32Array | Int8Array;
}

const KEY = 'lockstep';
const PREFIX = 8;
const SCALE = '.scale';

/** The bytes of a file, tensors of float32 first. */
export function formatModelFile(
  description: ModelDescription,
  tensors: readonly WebTensor[],
): Uint8Array {
  // All of them lie at multiples of their size then.
  const ordered = [
    ...tensors.filter(({ data }) => data instanceof Float32Array),
    ...tensors.filter(({ data }) => data instanceof Int8Array),
  ];
  const entries: Record<string, unknown> = {
    __metadata__: { [KEY]: JSON.stringify(description) },
  };
  let end = 0;
  for (const { name, shape, data } of ordered) {
    const dtype = data instanceof Float32Array ? 'F32' : 'I8';
    entries[name] = { dtype, shape, data_offsets: [end, (end += data.byteLength)] };
  }
  const json = encodeUtf8(JSON.stringify(entries));
  const headerBytes = Math.ceil(json.length / PREFIX) * PREFIX;
  const bytes = new Uint8Array(PREFIX + headerBytes + end).fill(0x20, PREFIX, PREFIX + headerBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(headerBytes), true);
  bytes.set(json, PREFIX);
  let at = PREFIX + headerBytes;
  for (const { data } of ordered) {
    bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), at);
    at += data.byteLength;
  }
  return bytes;
}

interface Entry {
  dtype: string;
  shape: number[];
  data_offsets: [number, number];
}

/**
 * Reads a file's description, and how each of its weights is copied to where it is used.
 *
 * @param name of the file, for messages
 * @throws UserError for what is no such file, or is cut short
 */
export function parseModelFile(
  bytes: Uint8Array,
  name: string,
): { description: ModelDescription; copy: (parameter: string, to: Float32Array) => void } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const headerBytes = bytes.length < PREFIX ? Infinity : Number(view.getBigUint64(0, true));
  const begin = PREFIX + headerBytes;
  let entries: Record<string, Entry>;
  let description: ModelDescription;
  try {
    if (begin > bytes.length) throw new RangeError('the header is longer than the file');
    const header = JSON.parse(decodeUtf8(bytes.subarray(PREFIX, begin))) as {
      __metadata__: Record<string, string>;
    };
    description = JSON.parse(header.__metadata__[KEY]!) as ModelDescription;
    entries = header as unknown as Record<string, Entry>;
  } catch (error) {
    throw new UserError(`${name} is damaged, or no model that lockstep has exported`, {
      cause: error,
    });
  }
  const find = (parameter: string): { shape: number[]; dtype: string; data: Uint8Array } => {
    const entry = entries[parameter];
    const [from, to] = entry?.data_offsets ?? [];
    if (!entry || from === undefined || to === undefined || begin + to > bytes.length) {
      throw new UserError(`${name} is damaged: expected a tensor named "${parameter}"`);
    }
    return { ...entry, data: bytes.subarray(begin + from, begin + to) };
  };
  const floats = (data: Uint8Array): Float32Array => {
    // The file may lie anywhere in other bytes.
    const own = data.byteOffset % 4 === 0 ? data : data.slice();
    return new Float32Array(own.buffer, own.byteOffset, own.length / 4);
  };
  const copy = (parameter: string, to: Float32Array): void => {
    const { dtype, shape, data } = find(parameter);
    const values =
      dtype === 'I8'
        ? dequantize(
            new Int8Array(data.buffer, data.byteOffset, data.length),
            floats(find(`${parameter}${SCALE}`).data),
          )
        : floats(data);
    if (values.length !== to.length) {
      throw new UserError(
        `${name} is damaged: its tensor "${parameter}" has the shape [${shape.join(', ')}], which is another than the network's`,
      );
    }
    to.set(values);
  };
  return { description, copy };
}

/** What a row of 8 bits has at most. */
const MOST = 127;

/** A matrix as int8 with a scale for each row. Vectors stay what they are: they take little, and much follows from each of their values. */
export function quantize({ name, shape, data }: WebTensor): WebTensor[] {
  if (shape.length < 2 || data instanceof Int8Array) return [{ name, shape, data }];
  const rows = shape[0]!;
  const width = data.length / rows;
  const scales = new Float32Array(rows);
  const values = new Int8Array(data.length);
  for (let row = 0; row < rows; row++) {
    let largest = 0;
    const end = (row + 1) * width;
    for (let i = row * width; i < end; i++) largest = Math.max(largest, Math.abs(data[i]!));
    const scale = Math.fround(largest / MOST);
    scales[row] = scale;
    if (scale === 0) continue;
    for (let i = row * width; i < end; i++) {
      values[i] = Math.max(-MOST, Math.min(MOST, Math.round(data[i]! / scale)));
    }
  }
  return [
    { name: `${name}${SCALE}`, shape: [rows], data: scales },
    { name, shape, data: values },
  ];
}

/** The weights that are computed with, in one order of operations wherever that is. */
export function dequantize(values: Int8Array, scales: Float32Array): Float32Array {
  const width = values.length / scales.length;
  const floats = new Float32Array(values.length);
  scales.forEach((scale, row) => {
    const end = (row + 1) * width;
    for (let i = row * width; i < end; i++) floats[i] = values[i]! * scale;
  });
  return floats;
}
