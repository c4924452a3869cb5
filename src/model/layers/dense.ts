import { PLAIN_ROWS, unitsOf } from '../../backend/kernels/rows.js';
import { PANEL, panelsOf } from '../../tensor/heap.js';
import { activationOption, bindActivation, type Activation } from '../activation.js';
import { countRows } from '../binding.js';
import { defineLayer, type BoundLayer, type Layer } from '../layer.js';
import { packBias, packWeight } from '../weights/packed-weight.js';
import { bias, matrix, uniform, ZERO, type Parameter } from '../weights/parameters.js';
import { bindProduct, planProduct } from '../weights/products.js';
import type { Signal } from '../signal.js';
import { mostRows } from '../sizes.js';
import type { Zod } from '../../zod.js';
import { bindWeightGradient, weightGradientGroup } from '../weights/weight-gradients.js';

const options = (z: Zod) =>
  z.strictObject({
    width: z.int().positive().describe("Width of the layer's output."),
    activation: activationOption(z),
    bias: z.boolean().default(true).describe('Whether a learned value is added to each output.'),
  });

/** f(W x + b) for every row of the input, or f(W x). */
export const dense = defineLayer({
  kind: 'dense',
  options,
  accepts: ['row', 'token'],
  place: 'layers',
  dropped: true,
  describe({ width, activation, bias: hasBias }, input, { module }) {
    const W = matrix(`${module}.weight`, [width, input.width], uniform(input.width));
    if (!hasBias) {
      return denseOf({ weight: W.name, own: [W] }, input, { module, width, activation });
    }
    const b = bias(`${module}.bias`, width, ZERO);
    return denseOf({ weight: W.name, bias: b, own: [W, b] }, input, { module, width, activation });
  },
});

/**
 * A dense layer over parameters, of which the weight may be another layer's.
 *
 * @param parameters.weight its name
 * @param parameters.own those that are this layer's
 */
export function denseOf(
  { weight, bias, own }: { weight: string; bias?: Parameter; own: Parameter[] },
  { per, width: inputs }: Signal,
  { module, width, activation }: { module: string; width: number; activation: Activation },
): Layer {
  return {
    output: { per, width },
    reads: 'whole',
    parameters: own,
    carried: [],
    gradientInPlace: false,
    meetings: () => 0,
    multiplyAdds: (tokens, rows) => width * inputs * (per === 'row' ? rows : tokens),
    plan(heap, sizes) {
      const columns = panelsOf(width) * PANEL;
      const rows = mostRows(sizes, { per });
      const packed = planProduct(heap, sizes, weight, { outputs: columns, inputs, rows });
      const packedBias = bias && heap.tensor(`packed ${bias.name}`, [columns]);
      const values = heap.panels(`${module} output`, rows, width);
      return {
        values,
        bind(binding, { value, gradient, start }, { gradient: dOutput }): BoundLayer {
          const { clock } = binding;
          const out = binding.heap.tensor(values);
          const forward = bindProduct(binding, {
            ...{ a: value, weight: packed, direction: 'forward', c: out },
            start: packedBias ? { bias: binding.heap.tensor(packedBias) } : 'zero',
          });
          const bent = bindActivation(binding, activation, out, dOutput);
          const backward =
            gradient &&
            bindProduct(binding, {
              ...{ a: dOutput!, weight: packed, direction: 'backward', c: gradient, start },
            });
          return {
            output: { value: out },
            passes: {
              by: 'rows',
              forward(row0, row1) {
                forward(row0, row1);
                bent.forward?.(row0, row1);
                clock.lap('head');
              },
              backward(row0, row1) {
                bent.backward?.(row0, row1);
                backward?.(row0, row1);
                clock.lap('head');
              },
            },
            ...(binding.training && {
              weightGradients: [
                weightGradientGroup(
                  binding,
                  unitsOf(width, PLAIN_ROWS),
                  () => countRows(binding, per) * inputs,
                  bindWeightGradient(binding, {
                    ...{ weight, biases: bias ? [bias.name] : [] },
                    ...{ dOutput: dOutput!, input: value, per, paired: packed.gradientInput },
                  }),
                ),
              ],
            }),
            packs: [
              packWeight(binding, weight, packed),
              ...(bias ? [packBias(binding, [bias.name], binding.heap.tensor(packedBias!))] : []),
            ],
          };
        },
      };
    },
  };
}
