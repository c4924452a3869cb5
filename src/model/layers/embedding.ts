import { dropRows } from '../../backend/kernels/drop-weights.js';
import { gatherRows, rowSquares } from '../../backend/kernels/embedding.js';
import { PANEL } from '../../tensor/heap.js';
import { streamOf } from '../../tensor/random.js';
import { distinctOf } from '../batch/slot-plan.js';
import { defineLayer, type BoundLayer } from '../layer.js';
import { bindParameter } from '../binding.js';
import { matrix } from '../weights/parameters.js';
import { maxDistinct } from '../sizes.js';
import type { Zod } from '../../zod.js';

const options = (z: Zod) =>
  z.strictObject({
    width: z.int().positive().describe('Width of the vectors.'),
    dropout: z
      .number()
      .min(0)
      .lt(1)
      .default(0)
      .describe(
        'Share of the words of the vocabulary whose vectors are dropped in training, wherever they stand in a batch.',
      ),
    tied: z
      .boolean()
      .default(false)
      .describe(
        'Whether the head of a language model has the same weight (Press & Wolf 2017): the vectors by which tokens are read tell the next one, too. The top layer is then as wide as the embedding.',
      ),
  });

/**
 * A vector for each token of the vocabulary, or for each value of a feature of tokens, or letter. Those of the distinct tokens of a batch are looked up once each, however often they
 * stand in it; their gradients take the place of the vectors when these are used up. With `dropout` whole words are dropped (Merity et al.
 * 2017): the vectors of some tokens of the vocabulary are zero for a step, and the others are divided by 1 − dropout. Where a head has the
 * same weight, its gradient has both parts: the head's, of all words, and what is here, of the distinct ones.
 */
export const embedding = defineLayer({
  kind: 'embedding',
  options,
  accepts: ['tokens'],
  training: ['dropout'],
  describe({ width, dropout, tied }, input, { module }) {
    const { stream = 0, of } = input;
    const weight = matrix(
      `${module}.weight`,
      [input.width, width],
      { kind: 'uniform', bound: 0.1 },
      {
        gradientKind: {
          ...{ kind: tied ? 'own and by distinct token' : 'by distinct token', stream },
          ...(of && { of }),
        },
      },
    );
    return {
      output: {
        ...{ per: 'distinct', width },
        ...(stream > 0 && { stream }),
        ...(input.spells && { spells: input.spells }),
      },
      reads: 'whole',
      parameters: [weight],
      carried: [],
      gradientInPlace: false,
      meetings: () => 0,
      multiplyAdds: () => 0,
      plan(heap, sizes) {
        const values = heap.panels(`${module} values`, maxDistinct(sizes, stream), width);
        return {
          values,
          bind(binding): BoundLayer {
            const { backend, clock, view } = binding;
            const distinct = distinctOf(binding.slotPlan, stream);
            const embedded = binding.heap.tensor(values);
            const parameter = bindParameter(binding, weight.name);
            const gather = backend.bind(gatherRows, {
              table: parameter.value,
              ids: binding.heap.indices(distinct.distinctIds),
              out: embedded,
            });
            const drop =
              binding.training && dropout > 0
                ? backend.bind(dropRows, {
                    matrix: embedded,
                    numbers: binding.heap.indices(distinct.distinctIds),
                    ...{ rate: dropout, seed: sizes.seed, step: binding.settings },
                    stream: streamOf(weight.name),
                  })
                : undefined;
            const bound: BoundLayer = {
              output: { value: embedded },
              prepare(part) {
                const [begin, end] = view.share(view.distinct(stream), part);
                gather(begin, end);
                drop?.(begin, end);
                clock.lap('gather');
              },
              packs: [],
            };
            if (!binding.training) return bound;
            const squares = backend.bind(rowSquares, {
              matrix: embedded,
              // Behind those of the sums that a head has formed.
              sums: tied ? parameter.squares!.lo(parameter.units) : parameter.squares!,
              ...(tied && {
                addedTo: {
                  dense: parameter.gradient!,
                  ids: binding.heap.indices(distinct.distinctIds),
                },
              }),
            });
            return {
              ...bound,
              finishDistinct(block0, block1) {
                drop?.(block0 * PANEL, Math.min(block1 * PANEL, view.distinct(stream)));
                squares(view.distinct(stream), block0, block1);
                clock.lap('embedding gradients');
              },
              sparse: [
                {
                  parameter: weight.name,
                  gradient: embedded,
                  index: binding.heap.indices(distinct.distinctIndex),
                },
              ],
            };
          },
        };
      },
    };
  },
});
