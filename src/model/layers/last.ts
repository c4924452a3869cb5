import { PANEL, panelsOf } from '../../tensor/heap.js';
import { bindHandOver } from '../binding.js';
import { defineLayer } from '../layer.js';
import type { Zod } from '../../zod.js';
import { describePooling } from './pooling.js';

const options = (z: Zod) => z.strictObject({});

/** Of every row, what a recurrent layer ends with, from whichever end it reads, which it has at hand; of other layers what stands at the last token. */
export const last = defineLayer({
  kind: 'last',
  options,
  accepts: ['token'],
  place: 'pooling',
  describe(_options, input, name) {
    if (!input.final) return describePooling('last', input, name);
    return {
      output: { per: 'row', width: input.width },
      reads: 'final',
      parameters: [],
      carried: [],
      gradientInPlace: true,
      meetings: () => 0,
      multiplyAdds: () => 0,
      plan: () => ({
        bind(binding, { final, finalGradient, start }, { gradient }) {
          const handOver =
            gradient &&
            bindHandOver(
              binding,
              { matrix: gradient, column: 0 },
              { matrix: finalGradient!, column: 0, start },
              panelsOf(input.width) * PANEL,
            );
          const passes = handOver && {
            by: 'rows' as const,
            forward: () => undefined,
            backward: handOver,
          };
          return { output: { value: final! }, ...(passes && { passes }), packs: [] };
        },
      }),
    };
  },
});
