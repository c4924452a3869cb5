import { copyColumns } from '../../backend/kernels/columns.js';
import { PANEL, panelsOf } from '../../tensor/heap.js';
import { bindHandOver } from '../binding.js';
import { defineAmong, UnfitInput, type BoundLayer } from '../layer.js';
import { maxDistinct } from '../sizes.js';
import type { Zod } from '../../zod.js';

const options = (z: Zod) => z.strictObject({});

/**
 * The vectors of the source's words where these are the batch's own words, too (Press & Wolf 2017): stands on an embedding and on the
 * source's tokens. Since the distinct tokens of both are numbered together, it hands on what the embedding has looked up; on the way back what
 * the source's tokens sum up to is added to what the batch's own do, token by token, so that the weight has one gradient.
 */
export const sharedEmbedding = defineAmong({
  kind: 'shared-embedding',
  options,
  accepts: ['distinct'],
  crosses: true,
  describe(_options, [vectors, ...others], { module, index }) {
    const [tokens] = others;
    const isOwn = vectors.of === undefined && vectors.stream === undefined;
    if (!isOwn || others.length !== 1 || !tokens!.isTokens || !tokens!.isShared) {
      throw new UnfitInput(
        'shared-embedding stands on vectors of words, and on the tokens of a source that has the same words',
      );
    }
    const { width } = vectors;
    return {
      of: 'source',
      output: { per: 'distinct', width, of: 'source' },
      reads: 'whole',
      parameters: [],
      carried: [],
      gradientInPlace: false,
      meetings: () => 0,
      multiplyAdds: () => 0,
      plan(heap, sizes) {
        const values = heap.panels(`${module} ${index} of the source`, maxDistinct(sizes), width);
        return {
          values,
          bind(binding, [given], { gradient }): BoundLayer {
            const { backend, clock, view } = binding;
            const columns = panelsOf(width) * PANEL;
            const own = binding.heap.tensor(values);
            const copy = backend.bind(copyColumns, {
              from: { matrix: given!.value, column: 0 },
              to: { matrix: own, column: 0 },
              ...{ columns, adds: false },
            });
            const handOver =
              gradient &&
              bindHandOver(
                binding,
                { matrix: gradient, column: 0 },
                { matrix: given!.gradient!, column: 0, start: given!.start },
                columns,
              );
            return {
              output: { value: own },
              prepare(part) {
                // The same ones that the part has looked up.
                copy(...view.share(view.distinct(), part));
                clock.lap('gather');
              },
              ...(handOver && {
                distinctGradient(row0: number, row1: number) {
                  handOver(row0, row1);
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
