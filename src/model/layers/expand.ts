import { spreadRows, tokenSum } from '../../backend/kernels/embedding.js';
import { panelsOf } from '../../tensor/heap.js';
import { distinctOf } from '../batch/slot-plan.js';
import { defineLayer, type BoundLayer } from '../layer.js';
import { maxPlaces } from '../sizes.js';
import type { Zod } from '../../zod.js';

const options = (z: Zod) => z.strictObject({});

/** Gives every token of a batch what its distinct token has: for layers that cannot work on distinct tokens once each. */
export const expand = defineLayer({
  kind: 'expand',
  options,
  accepts: ['distinct'],
  describe(_options, { width, stream = 0 }, { module, index }) {
    return {
      output: { per: 'token', width },
      reads: 'whole',
      parameters: [],
      carried: [],
      // It is read when all weights have their gradients.
      gradientInPlace: false,
      meetings: () => 0,
      multiplyAdds: () => 0,
      plan(heap, sizes) {
        const values = heap.panels(`${module} ${index} tokens`, maxPlaces(sizes), width);
        return {
          values,
          bind(binding, { value, gradient, start }, { gradient: dOutput }): BoundLayer {
            const { backend, heap: bound, clock } = binding;
            const distinct = distinctOf(binding.slotPlan, stream);
            const out = bound.tensor(values);
            const forward = backend.bind(spreadRows, {
              ...{ from: value, out },
              index: bound.indices(distinct.distinctOf),
            });
            const sum =
              gradient &&
              backend.bind(tokenSum, {
                gradient: dOutput!,
                starts: bound.indices(distinct.distinctStart),
                positions: bound.indices(distinct.positions),
                ...{ out: gradient, adds: start === 'result' },
              });
            const panels = panelsOf(width);
            return {
              output: { value: out },
              passes: {
                by: 'rows',
                forward(row0, row1) {
                  forward(row0, row1);
                  clock.lap('gather');
                },
                // The sum over places of a token goes over all rows.
                backward: () => undefined,
              },
              ...(sum && {
                distinctGradient: (row0: number, row1: number) => {
                  sum(row0, row1, 0, panels);
                  clock.lap('embedding gradients');
                },
              }),
              packs: [],
            };
          },
        };
      },
    };
  },
});
