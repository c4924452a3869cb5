import fc from 'fast-check';
import ndarray, { type NdArray } from 'ndarray';
import { expect, test } from 'vitest';
import view from '../../src/web/views.js';

const lengths = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 });
const calls = fc.array(
  fc.record({
    name: fc.constantFrom('hi', 'lo', 'step', 'pick'),
    shares: fc.array(fc.double({ min: 0, max: 0.99, noNaN: true }), { minLength: 4, maxLength: 4 }),
  }),
  { maxLength: 5 },
);

interface Any {
  readonly shape: readonly number[];
  readonly stride: readonly number[];
  readonly offset: number;
  readonly dimension: number;
  hi(...ends: number[]): Any;
  lo(...starts: number[]): Any;
  step(...steps: number[]): Any;
  pick(...places: (number | null)[]): Any;
  get(...place: number[]): number;
}

function take(matrix: Any, name: string, shares: readonly number[]): Any {
  const within = matrix.shape.map((length, i) => Math.floor(length * shares[i]!));
  switch (name) {
    case 'hi':
      return matrix.hi(...within.map((end) => end + 1));
    case 'lo':
      return matrix.lo(...within);
    case 'step':
      return matrix.step(...within.map((each, i) => (i % 2 === 0 ? -1 : 1) * (1 + (each % 2))));
    default:
      // One dimension stays.
      return matrix.pick(...within.map((place, i) => (i > 0 && shares[i]! > 0.5 ? place : null)));
  }
}

test('views are those of ndarray, whatever is taken of them', () => {
  fc.assert(
    fc.property(lengths, calls, (shape, taken) => {
      const values = Float32Array.from(
        { length: shape.reduce((product, length) => product * length, 1) },
        (_, i) => i,
      );
      let ours: Any = view(values, shape);
      let theirs = ndarray(values, [...shape]) as NdArray<Float32Array> as unknown as Any;
      for (const { name, shares } of taken) {
        ours = take(ours, name, shares);
        theirs = take(theirs, name, shares);
        expect({ ...ours, data: 0, shape: [...ours.shape], stride: [...ours.stride] }).toEqual({
          ...{ data: 0, shape: [...theirs.shape], stride: [...theirs.stride] },
          offset: theirs.offset,
        });
        const last = ours.shape.map((length) => length - 1);
        expect(ours.get(...last)).toBe(theirs.get(...last));
        expect(ours.dimension).toBe(theirs.dimension);
      }
    }),
  );
});
