import {
  layerNormBackward,
  layerNormForward,
  layerNormGradient,
} from '../../backend/kernels/layer-norm.js';
import { PANEL, panelsOf } from '../../tensor/heap.js';
import { bindParameter, countRows, sumOrder } from '../binding.js';
import { defineLayer, type BoundLayer } from '../layer.js';
import { packBias } from '../weights/packed-weight.js';
import { bias as vector, ZERO } from '../weights/parameters.js';
import { mostRows } from '../sizes.js';
import type { Zod } from '../../zod.js';
import { weightGradientGroup } from '../weights/weight-gradients.js';

const options = (z: Zod) =>
  z.strictObject({
    epsilon: z
      .number()
      .min(1e-8)
      .max(0.1)
      .default(1e-5)
      .describe("Added to each row's variance, so that a row of equal elements is none of zero."),
  });

/**
 * Layer normalization (Ba et al. 2016): of every row, or token, y = g (x − mean) / √(variance + ε) + b, so that what is above gets
 * elements of one size whatever the layer below makes of them. Gain g and bias b are learned, one for each element.
 */
export const layerNorm = defineLayer({
  kind: 'layer-norm',
  options,
  accepts: ['row', 'token'],
  place: 'layers',
  describe({ epsilon }, { per, width }, { module, index }) {
    const gain = vector(
      `${module}.weight`,
      width,
      { kind: 'blocks', values: [1] },
      { gradientKind: { kind: 'own' } },
    );
    const bias = vector(`${module}.bias`, width, ZERO);
    return {
      output: { per, width },
      reads: 'whole',
      parameters: [gain, bias],
      carried: [],
      gradientInPlace: false,
      meetings: () => 0,
      multiplyAdds: () => 0,
      plan(heap, sizes) {
        const name = `${module} ${index}`;
        const columns = panelsOf(width) * PANEL;
        const packed = {
          gain: heap.tensor(`packed ${gain.name}`, [columns]),
          bias: heap.tensor(`packed ${bias.name}`, [columns]),
        };
        const rows = mostRows(sizes, { per });
        const statistics = heap.tensor(`${name} statistics`, [2, rows]);
        const values = heap.panels(`${name} output`, rows, width);
        return {
          values,
          bind(binding, { value, gradient, start }, { gradient: dOutput }): BoundLayer {
            const { backend, clock, heap: bound } = binding;
            const out = bound.tensor(values);
            const norm = { input: value, width, statistics: bound.tensor(statistics) };
            const packedGain = bound.tensor(packed.gain);
            const forward = backend.bind(layerNormForward, {
              ...{ ...norm, out, epsilon },
              ...{ gain: packedGain, bias: bound.tensor(packed.bias) },
            });
            const backward =
              gradient &&
              backend.bind(layerNormBackward, {
                ...{ ...norm, gain: packedGain },
                ...{ dOutput: dOutput!, dInput: gradient, adds: start === 'result' },
              });
            const { orderOutput, segments } = sumOrder(binding, per);
            const parameter = bindParameter(binding, gain.name);
            return {
              output: { value: out },
              passes: {
                by: 'rows',
                forward(row0, row1) {
                  forward(row0, row1);
                  clock.lap('norm');
                },
                backward(row0, row1) {
                  backward?.(row0, row1);
                  clock.lap('norm');
                },
              },
              ...(binding.training && {
                weightGradients: [
                  weightGradientGroup(
                    binding,
                    gain.units,
                    () => 2 * countRows(binding, per),
                    backend.bind(layerNormGradient, {
                      ...{ ...norm, dOutput: dOutput!, segments },
                      ...(orderOutput && { order: orderOutput }),
                      dGain: parameter.gradient!,
                      dBias: bindParameter(binding, bias.name).gradient!,
                      squares: parameter.squares!,
                    }),
                  ),
                ],
              }),
              packs: [
                packBias(binding, [gain.name], bound.tensor(packed.gain)),
                packBias(binding, [bias.name], bound.tensor(packed.bias)),
              ],
            };
          },
        };
      },
    };
  },
});
