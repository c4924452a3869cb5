import { dropout as dropOut } from '../../backend/kernels/dropout.js';
import { PANEL, panelsOf } from '../../tensor/heap.js';
import { streamOf } from '../../tensor/random.js';
import { bindHandOver, type RowKernel } from '../binding.js';
import { defineLayer, type Layer } from '../layer.js';
import { mostRows } from '../sizes.js';
import type { Zod } from '../../zod.js';

const options = (z: Zod) =>
  z.strictObject({
    rate: z.number().min(0).lt(1).describe('Share that is dropped in training.'),
    over: z
      .enum(['elements', 'features'])
      .default('elements')
      .describe(
        'What is dropped: single elements, or features, for all tokens of a row the same ones (variational dropout).',
      ),
  });

/**
 * Dropout of single elements (Srivastava et al. 2014): in training each is zero with probability `rate`, and the others are
 * divided by 1 − rate. The mask follows from seed, step, the layer's name and the number of the token: nobody stores it. Of features
 * (Gal & Ghahramani 2016) it follows from the number of the row instead, so that all tokens of a row lose the same ones.
 */
export const dropout = defineLayer({
  kind: 'dropout',
  options,
  accepts: ['row', 'token'],
  training: ['rate', 'over'],
  place: 'layers',
  onlyTrains: true,
  describe: ({ rate, over }, input, { module, index }): Layer => ({
    output: { per: input.per, width: input.width },
    reads: 'whole',
    parameters: [],
    carried: [],
    gradientInPlace: true,
    meetings: () => 0,
    multiplyAdds: () => 0,
    plan(heap, sizes) {
      if (!sizes.training) return { bind: (_, { value }) => ({ output: { value }, packs: [] }) };
      const values = heap.panels(`${module} ${index} dropped`, mostRows(sizes, input), input.width);
      return {
        values,
        bind(binding, { value, gradient: dInput, start }, { gradient }) {
          if (!binding.training) return { output: { value }, packs: [] };
          const { backend, heap: bound, clock, settings, slotPlan } = binding;
          const out = bound.tensor(values);
          const masks = {
            // A row of the batch has its number already.
            ...(input.per === 'token' && {
              numbers: bound.indices(over === 'features' ? slotPlan.rowOf : slotPlan.numbers),
            }),
            ...{ rate, seed: sizes.seed, step: settings },
            stream: streamOf(`${module}.${index}`),
          };
          const forward = backend.bind(dropOut, { input: value, out, ...masks });
          // The mask is drawn again where the gradient of the output lies, which nobody reads any more.
          const backward = backend.bind(dropOut, { input: gradient!, out: gradient!, ...masks });
          const handOver = bindHandOver(
            binding,
            { matrix: gradient!, column: 0 },
            { matrix: dInput!, column: 0, start },
            panelsOf(input.width) * PANEL,
          );
          const timed =
            (run: RowKernel): RowKernel =>
            (row0, row1) => {
              run(row0, row1);
              clock.lap('dropout');
            };
          return {
            output: { value: out },
            passes: {
              by: 'rows',
              forward: timed(forward),
              backward: timed((row0, row1) => {
                backward(row0, row1);
                handOver?.(row0, row1);
              }),
            },
            packs: [],
          };
        },
      };
    },
  }),
});
