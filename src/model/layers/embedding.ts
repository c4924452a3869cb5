import { gatherRows, rowSquares } from '../../backend/kernels/embedding.js';
import { defineLayer, type BoundLayer } from '../layer.js';
import { bindParameter } from '../binding.js';
import { matrix } from '../parameters.js';
import { maxDistinct } from '../sizes.js';
import type { Zod } from '../../zod.js';

const options = (z: Zod) => z.strictObject({ width: z.int().positive() });

/**
 * A vector for each token of the vocabulary. Those of the distinct tokens of a batch are looked up once each, however often they
 * stand in it; their gradients take the place of the vectors when these are used up.
 */
export const embedding = defineLayer({
  kind: 'embedding',
  options,
  accepts: ['tokens'],
  describe({ width }, input, { module }) {
    const weight = matrix(
      `${module}.weight`,
      [input.width, width],
      { kind: 'uniform', bound: 0.1 },
      { gradientKind: { kind: 'by distinct token' } },
    );
    return {
      output: { per: 'distinct', width },
      reads: 'whole',
      parameters: [weight],
      carried: [],
      gradientInPlace: false,
      meetings: () => 0,
      multiplyAdds: () => 0,
      plan(heap, sizes) {
        const values = heap.panels('embedded', maxDistinct(sizes), width);
        return {
          values,
          bind(binding): BoundLayer {
            const { backend, clock, slotPlan, view } = binding;
            const embedded = binding.heap.tensor(values);
            const parameter = bindParameter(binding, weight.name);
            const gather = backend.bind(gatherRows, {
              table: parameter.value,
              ids: binding.heap.indices(slotPlan.distinctIds),
              out: embedded,
            });
            const bound: BoundLayer = {
              output: { value: embedded },
              prepare(part) {
                const [begin, end] = view.share(view.distinct, part);
                gather(begin, end);
                clock.lap('gather');
              },
              packs: [],
            };
            if (!binding.training) return bound;
            const squares = backend.bind(rowSquares, {
              matrix: embedded,
              sums: parameter.squares!,
            });
            return {
              ...bound,
              finishDistinct(block0, block1) {
                squares(view.distinct, block0, block1);
                clock.lap('embedding gradients');
              },
              sparse: [
                {
                  parameter: weight.name,
                  gradient: embedded,
                  index: binding.heap.indices(slotPlan.distinctIndex),
                },
              ],
            };
          },
        };
      },
    };
  },
});
