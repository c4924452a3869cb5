import { defineLayer } from '../layer.js';
import type { Zod } from '../../zod.js';

const options = (z: Zod) => z.strictObject({});

/** Of every row, what stands at its last token: the recurrent layer below has it at hand. */
export const last = defineLayer({
  kind: 'last',
  options,
  accepts: ['token'],
  describe(_options, input) {
    if (!input.final) throw new Error('the layer below has no final state');
    return {
      output: { per: 'row', width: input.width },
      reads: 'final',
      parameters: [],
      carried: [],
      gradientInPlace: true,
      meetings: () => 0,
      multiplyAdds: () => 0,
      plan: () => ({
        bind: (_binding, { final }) => ({ output: { value: final! }, packs: [] }),
      }),
    };
  },
});
