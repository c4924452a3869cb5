import { copyColumns } from '../../backend/kernels/columns.js';
import { defineLayer, type BoundLayer } from '../layer.js';
import { maxPlaces, SLOTS } from '../sizes.js';
import type { Zod } from '../../zod.js';
import { bindParting } from './concatenate.js';

const options = (z: Zod) =>
  z.strictObject({
    width: z.int().positive().describe('Of what comes of the token before.'),
  });

/**
 * What the lowest of layers that go step by step reads: what has come of the token before, and behind it the token. The former is put there, and
 * its gradient read, by whoever goes through the steps (input-feeding.ts); for a row's first token it is zeros, or what the row carries.
 */
export const fed = defineLayer({
  kind: 'fed',
  options,
  accepts: ['token'],
  describe({ width }, input, { module, index }) {
    return {
      output: { per: 'token', width: width + input.width },
      reads: 'whole',
      parameters: [],
      carried: [{ name: `${module}_${index}.before`, width }],
      gradientInPlace: false,
      meetings: () => 0,
      multiplyAdds: () => 0,
      plan(heap, sizes) {
        const name = `${module} ${index}`;
        const values = heap.panels(`${name} joined`, maxPlaces(sizes), width + input.width);
        return {
          values,
          states: Array.from({ length: SLOTS }, (_, slot) =>
            heap.panels(`${name} state ${slot}`, sizes.maxRows, width),
          ),
          bind(binding, below, { gradient }): BoundLayer {
            const { backend, clock, heap: own, training } = binding;
            const joined = own.tensor(values);
            const forward = backend.bind(copyColumns, {
              from: { matrix: below.value, column: 0 },
              to: { matrix: joined, column: width },
              ...{ columns: input.width, adds: false },
            });
            const from = { matrix: gradient!, column: width };
            const backward = training ? bindParting(binding, from, below, input.width) : [];
            return {
              output: { value: joined },
              passes: {
                by: 'rows',
                forward(row0, row1) {
                  forward(row0, row1);
                  clock.lap('joins');
                },
                backward(row0, row1) {
                  for (const each of backward) each(row0, row1);
                  clock.lap('joins');
                },
              },
              packs: [],
            };
          },
        };
      },
    };
  },
});
