import { copyColumns } from '../../backend/kernels/columns.js';
import { PANEL, panelsOf } from '../../tensor/heap.js';
import { activationOption, bindActivation } from '../activation.js';
import { bindHandOver } from '../binding.js';
import { defineJoin, UnfitInput, type BoundLayer } from '../layer.js';
import { mostRows } from '../sizes.js';
import type { Zod } from '../../zod.js';

const options = (z: Zod) => z.strictObject({ activation: activationOption(z) });

/** f of the sum of signals of the same width; of a block's input and output it is the residual connection of He et al. (2015). */
export const add = defineJoin({
  kind: 'add',
  options,
  accepts: ['row', 'token'],
  describe({ activation }, inputs, { module, index }) {
    const { per, width } = inputs[0]!;
    const others = inputs.filter((input) => input.width !== width);
    if (others.length > 0) {
      const widths = [width, ...others.map((input) => input.width)];
      throw new UnfitInput(`add takes signals of the same width, got ${widths.join(' and ')}`);
    }
    return {
      output: { per, width },
      reads: 'whole',
      parameters: [],
      carried: [],
      gradientInPlace: true,
      meetings: () => 0,
      multiplyAdds: () => 0,
      plan(heap, sizes) {
        const values = heap.panels(`${module} ${index} sum`, mostRows(sizes, { per }), width);
        return {
          values,
          bind(binding, bound, { gradient }): BoundLayer {
            const { backend, clock, heap: own, training } = binding;
            const sum = own.tensor(values);
            const bent = bindActivation(binding, activation, sum, gradient);
            const columns = panelsOf(width) * PANEL;
            const whole = (matrix: typeof sum) => ({ matrix, column: 0 });
            const terms = bound.map(({ value }, number) =>
              backend.bind(copyColumns, {
                from: whole(value),
                to: whole(sum),
                ...{ columns, adds: number > 0 },
              }),
            );
            const gradients = bound.map(
              ({ gradient: to, start }) =>
                training &&
                bindHandOver(binding, whole(gradient!), { ...whole(to!), start }, columns),
            );
            return {
              output: { value: sum },
              passes: {
                by: 'rows',
                forward(row0, row1) {
                  for (const each of terms) each(row0, row1);
                  bent.forward?.(row0, row1);
                  clock.lap('joins');
                },
                backward(row0, row1) {
                  bent.backward?.(row0, row1);
                  for (const each of gradients) if (each) each(row0, row1);
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
