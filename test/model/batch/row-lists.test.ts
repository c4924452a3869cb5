import fc from 'fast-check';
import { expect, it } from 'vitest';
import { listOnce } from '../../../src/model/batch/row-lists.js';

it('lists numbers once in the order in which they first stand there, and leaves no marks', () => {
  const places = new Int32Array(20).fill(-1);
  fc.assert(
    fc.property(fc.array(fc.nat({ max: 19 }), { maxLength: 30 }), (numbers) => {
      const [into, placeOf] = [new Int32Array(30), new Int32Array(30)];
      const count = listOnce(Int32Array.from(numbers), numbers.length, places, into, placeOf);
      expect([...into.subarray(0, count)]).toEqual([...new Set(numbers)]);
      expect(numbers.map((_, i) => into[placeOf[i]!])).toEqual(numbers);
      expect(places.every((place) => place === -1)).toBe(true);
    }),
  );
});
