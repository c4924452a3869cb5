import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { UserError } from '../../src/errors.js';
import { parseHeader } from '../../src/checkpoint/safetensors-header.js';
import { describeModel } from '../../src/export/describe-model.js';
import { dequantize, formatModelFile, parseModelFile, quantize } from '../../src/web/model-file.js';
import { makeModel } from './models.js';

const { description, tensors } = describeModel(makeModel('tag'));
const bytes = new Uint8Array(formatModelFile(description, tensors));

function readAll(file: Uint8Array): Float32Array[] {
  const { copy } = parseModelFile(file, 'a.safetensors');
  return tensors.map(({ name, data }) => {
    const to = new Float32Array(data.length);
    copy(name, to);
    return to;
  });
}

describe('the file of an exported model', () => {
  test('gives what was written, wherever it lies in other bytes', () => {
    expect(parseModelFile(bytes, 'a').description).toEqual(description);
    const moved = new Uint8Array(bytes.length + 3);
    moved.set(bytes, 3);
    expect(readAll(moved.subarray(3))).toEqual(tensors.map(({ data }) => data));
  });

  test('is safetensors as others read it', () => {
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    const entries = parseHeader('a', bytes.subarray(8, 8 + length), bytes.length);
    expect(new Set(entries.map(({ name }) => name))).toEqual(
      new Set(tensors.map(({ name }) => name)),
    );
  });

  test.each([0, 5, 100, bytes.length - 1])('that is cut short after %i bytes is refused', (end) => {
    expect(() => readAll(bytes.slice(0, end))).toThrow(UserError);
    expect(() => readAll(bytes.slice(0, end))).toThrow(/^a\.safetensors .*damaged/);
  });

  test('holds 8 bits that are near the weights by half a step of their row', () => {
    const eight = tensors.flatMap(quantize);
    const small = new Uint8Array(formatModelFile(description, eight));
    readAll(small).forEach((found, i) => {
      const { shape, data } = tensors[i]!;
      if (shape.length < 2) {
        expect(found).toEqual(data);
        return;
      }
      const width = data.length / shape[0]!;
      found.forEach((value, k) => {
        const row = Float32Array.from(data.subarray(k - (k % width), k - (k % width) + width));
        const most = row.reduce((largest, each) => Math.max(largest, Math.abs(each)), 0);
        expect(Math.abs(value - data[k]!)).toBeLessThanOrEqual((most / 127) * 0.5001);
      });
    });
  });
});

test('rows of any numbers become 8 bits and come back finite, zeros as zeros', () => {
  const float = fc.float({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 });
  fc.assert(
    fc.property(fc.array(float, { minLength: 1, maxLength: 9 }), (row) => {
      const data = Float32Array.from([...row, ...row.map(() => 0)]);
      const [scales, values] = quantize({ name: 'w', shape: [2, row.length], data });
      const found = dequantize(values!.data as Int8Array, scales!.data as Float32Array);
      expect(found.every(Number.isFinite)).toBe(true);
      expect(found.subarray(row.length).every((value) => value === 0)).toBe(true);
    }),
  );
});
