import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Heap, HeapPlan, type BufferSpec } from '../../src/tensor/heap.js';
import { tries } from '../effort.js';

type Request = ['tensor' | 'panels' | 'indices' | 'doubles', number, number];

const requests: fc.Arbitrary<Request[]> = fc.array(
  fc.tuple(
    fc.constantFrom('tensor', 'panels', 'indices', 'doubles'),
    fc.integer({ min: 1, max: 40 }),
    fc.integer({ min: 1, max: 40 }),
  ),
  { minLength: 1, maxLength: 12 },
);
const plans = fc.record({
  floatBytes: fc.constantFrom<4 | 8>(4, 8),
  reserved: fc.integer({ min: 0, max: 300 }),
  requests,
});

function planOf({
  floatBytes,
  reserved,
  requests,
}: {
  floatBytes: 4 | 8;
  reserved: number;
  requests: Request[];
}): HeapPlan {
  const plan = new HeapPlan(floatBytes, reserved);
  requests.forEach(([kind, a, b], i) => {
    const name = `buffer ${i}`;
    if (kind === 'tensor') plan.tensor(name, [a, b]);
    else if (kind === 'panels') plan.panels(name, a, b);
    else plan[kind](name, a, b);
  });
  return plan;
}

it('places buffers behind the reserved bytes, on cache lines, one behind the other', () => {
  fc.assert(
    fc.property(plans, (options) => {
      const plan = planOf(options);
      let end = options.reserved;
      for (const { offset, bytes } of plan.buffers) {
        expect(offset % 64).toBe(0);
        expect(offset).toBeGreaterThanOrEqual(end);
        expect(offset - end).toBeLessThan(64);
        end = offset + bytes;
      }
      expect(plan.bytes).toBeGreaterThanOrEqual(end);
      expect(plan.bytes % 64).toBe(0);
    }),
  );
});

it('gives the same plan for the same requests', () => {
  fc.assert(
    fc.property(plans, (options) => {
      expect(planOf(options).buffers).toEqual(planOf(options).buffers);
    }),
  );
});

it('gives every element of every buffer a place of its own, within its buffer', () => {
  fc.assert(
    fc.property(plans, (options) => {
      const plan = planOf(options);
      const heap = new Heap(new Uint8Array(new SharedArrayBuffer(plan.bytes)), options.floatBytes);
      const taken = new Uint8Array(plan.bytes);
      for (const spec of plan.buffers) {
        const [tensor, elementBytes] = viewOf(heap, spec, options.floatBytes);
        expect(tensor.shape).toEqual(spec.shape);
        forEachIndex(spec.shape, (index) => {
          const byte = tensor.index(...index) * elementBytes;
          expect(byte).toBeGreaterThanOrEqual(spec.offset);
          expect(byte + elementBytes).toBeLessThanOrEqual(spec.offset + spec.bytes);
          expect(taken[byte]).toBe(0);
          taken[byte] = 1;
        });
      }
    }),
    { numRuns: tries(10) },
  );
});

it('puts an odd number of cache lines between float32 panels', () => {
  for (const rows of [1, 2, 16, 63, 64]) {
    const { stride, shape } = new HeapPlan(4).panels('p', rows, 33);
    expect(shape).toEqual([3, rows, 16]);
    expect((stride[0]! / 16) % 2).toBe(1);
    expect(stride[0]! / 16).toBeLessThanOrEqual(rows + 1);
  }
});

it('shows one buffer through its tensor and as a flat array alike', () => {
  const plan = new HeapPlan(4, 64);
  const floats = plan.panels('floats', 3, 20);
  const whole = plan.indices('whole', 5);
  const doubles = plan.doubles('doubles', 5);
  const heap = new Heap(new Uint8Array(new SharedArrayBuffer(plan.bytes)), 4);
  heap.tensor(floats).set(1, 2, 3, 0.5);
  expect(heap.flat(floats)[floats.stride[0]! + 2 * 16 + 3]).toBe(0.5);
  heap.indices(whole).set(4, -7);
  expect([...heap.flatIndices(whole)]).toEqual([0, 0, 0, 0, -7]);
  heap.doubles(doubles).set(0, 1e300);
  expect([...heap.flatDoubles(doubles)]).toEqual([1e300, 0, 0, 0, 0]);
});

function viewOf(
  heap: Heap,
  spec: BufferSpec,
  floatBytes: number,
): [{ shape: number[]; index(...at: number[]): number }, number] {
  if (spec.type === 'int32') return [heap.indices(spec), 4];
  if (spec.type === 'float64') return [heap.doubles(spec), 8];
  return [heap.tensor(spec), floatBytes];
}

function forEachIndex(shape: readonly number[], visit: (index: number[]) => void): void {
  const [first, ...rest] = shape;
  if (first === undefined) visit([]);
  for (let i = 0; i < (first ?? 0); i++) forEachIndex(rest, (index) => visit([i, ...index]));
}
