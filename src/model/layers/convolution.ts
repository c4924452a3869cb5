import { convolutionScratch } from '../../backend/kernels/convolution-bfloat16.js';
import { MOST_TAPS } from '../../backend/kernels/windows.js';
import { PANEL, panelsOf } from '../../tensor/heap.js';
import { activationOption } from '../activation.js';
import { defineLayer } from '../layer.js';
import { planPacked } from '../weights/packed-weight.js';
import { bias, matrix, uniform, ZERO } from '../weights/parameters.js';
import { maxPlaces, SLOTS } from '../sizes.js';
import type { Zod } from '../../zod.js';
import { planGradientInput } from '../weights/weight-gradients.js';
import { bindConvolution, type Branch } from './convolution-layer.js';

const taps = (z: Zod) => z.int().positive().max(MOST_TAPS);

const options = (z: Zod) =>
  z.strictObject({
    width: z
      .union([taps(z), z.array(taps(z)).min(1).max(8)])
      .describe(
        'Tokens that each output sees, or a list: convolutions of several widths side by side.',
      ),
    channels: z.int().positive().describe('Outputs of each width.'),
    padding: z
      .enum(['same', 'causal'])
      .default('same')
      .describe('Which tokens they are: on both sides of the output, or none behind it.'),
    activation: activationOption(z),
  });

/**
 * Convolution along the tokens of a row (Kim 2014): y_t = f(b + Σ_j W_j x_{t+j}), beyond the row's ends zeros; an output for every
 * token. Convolutions of several widths stand side by side. Weights are laid out as those of PyTorch's Conv1d.
 */
export const convolution = defineLayer({
  kind: 'convolution',
  options,
  accepts: ['token'],
  place: 'layers',
  dropped: true,
  describe({ width, channels, padding, activation }, { width: inputs }, { module, index }) {
    const widths = [width].flat();
    const isCausal = padding === 'causal';
    const before = (tapCount: number): number => (isCausal ? tapCount - 1 : (tapCount - 1) >> 1);
    const widest = Math.max(...widths);
    const panels = panelsOf(inputs);
    const described = widths.map((tapCount, number) => ({
      ...{ taps: tapCount, before: before(tapCount) },
      column: number * channels,
      weight: {
        ...matrix(
          `${module}.${number}.weight`,
          [channels, inputs * tapCount],
          uniform(inputs * tapCount),
        ),
        shape: [channels, inputs, tapCount],
      },
      bias: bias(`${module}.${number}.bias`, channels, ZERO),
    }));
    return {
      output: { per: 'token', width: channels * widths.length },
      reads: 'whole',
      parameters: described.flatMap(({ weight, bias: b }) => [weight, b]),
      // Of a row that may go on, the inputs before its next token, the nearest one first.
      carried: Array.from({ length: isCausal ? before(widest) : 0 }, (_, depth) => ({
        ...{ name: `${module}.input_${depth + 1}_before`, width: inputs },
      })),
      reverses: !isCausal,
      // Its gradient reads what follows a token.
      looksBehind: true,
      gradientInPlace: false,
      meetings: () => 1,
      multiplyAdds: (tokens) =>
        tokens * channels * inputs * widths.reduce((sum, tapCount) => sum + tapCount, 0),
      plan(heap, sizes) {
        const places = maxPlaces(sizes);
        const { training, precision } = sizes;
        // Products write whole panels.
        const apart = channels % PANEL !== 0 && widths.length > 1;
        const branches = described.map((each): Branch => {
          const { taps: tapCount, weight, bias: b } = each;
          const columns = tapCount * panels * PANEL;
          const gradientInput = planGradientInput(heap, sizes, weight.name, {
            ...{ rows: places, columns },
          });
          const ordered = (what: string) =>
            heap.tensor(`${weight.name} ${what}`, [channels, columns]);
          return {
            ...each,
            packed: planPacked(heap, weight.name, panelsOf(channels) * PANEL, columns, precision),
            packedBias: heap.tensor(`packed ${b.name}`, [panelsOf(channels) * PANEL]),
            tapped: ordered('by tap'),
            ...(training && { tappedGradient: ordered('gradient by tap') }),
            ...(gradientInput && { gradientInput }),
            ...(apart && {
              apart: heap.panels(`${module} ${index} branch ${each.column}`, places, channels),
            }),
          };
        });
        // Backwards a token is seen from the other side.
        const around = 1 + 2 * Math.max(before(widest), widest - 1 - before(widest));
        const sources = heap.indices(`${module} ${index} sources`, around, places);
        const reach = heap.indices(`${module} ${index} reach`, around, places);
        const values = heap.panels(`${module} ${index} output`, places, channels * widths.length);
        const carriedColumns = before(widest) * panels * PANEL;
        const states =
          sizes.shape.carries && carriedColumns > 0
            ? Array.from({ length: SLOTS }, (_, slot) =>
                heap.panels(`${module} ${index} inputs ${slot}`, sizes.maxRows, carriedColumns),
              )
            : undefined;
        return {
          values,
          ...(states && { states }),
          ...(precision === 'bfloat16' && {
            scratch: convolutionScratch(Math.max(widest * panels, panelsOf(channels))),
          }),
          bind: (binding, input, { gradient }) =>
            bindConvolution(
              binding,
              {
                ...{ branches, channels, inputs, activation, sources, reach, values },
                ...(states && { states }),
              },
              input,
              gradient,
            ),
        };
      },
    };
  },
});
