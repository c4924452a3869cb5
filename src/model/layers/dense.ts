import { product } from '../../backend/kernels/product.js';
import { PANEL, panelsOf } from '../../tensor/heap.js';
import { activationOption, bindActivation } from '../activation.js';
import { bindWeightGradient, countRows, weightGradientGroup } from '../binding.js';
import { defineLayer, type BoundLayer } from '../layer.js';
import { packBias, packWeight, planPacked } from '../packed-weight.js';
import { bias, matrix, uniform, ZERO } from '../parameters.js';
import { mostRows } from '../sizes.js';
import type { Zod } from '../../zod.js';

const options = (z: Zod) =>
  z.strictObject({
    width: z.int().positive().describe("Width of the layer's output."),
    activation: activationOption(z),
  });

/** f(W x + b) for every row of the input. */
export const dense = defineLayer({
  kind: 'dense',
  options,
  accepts: ['row', 'token'],
  place: 'layers',
  dropped: true,
  describe({ width, activation }, { per, width: inputs }, { module }) {
    const W = matrix(`${module}.weight`, [width, inputs], uniform(inputs));
    const b = bias(`${module}.bias`, width, ZERO);
    return {
      output: { per, width },
      reads: 'whole',
      parameters: [W, b],
      carried: [],
      gradientInPlace: false,
      meetings: () => 0,
      multiplyAdds: (tokens, rows) => width * inputs * (per === 'row' ? rows : tokens),
      plan(heap, sizes) {
        const columns = panelsOf(width) * PANEL;
        const packed = planPacked(heap, W.name, columns, inputs);
        const packedBias = heap.tensor(`packed ${b.name}`, [columns]);
        const values = heap.panels(`${module} output`, mostRows(sizes, { per }), width);
        return {
          values,
          bind(binding, { value, gradient, start }, { gradient: dOutput }): BoundLayer {
            const { backend, clock } = binding;
            const out = binding.heap.tensor(values);
            const forward = backend.bind(product, {
              a: value,
              b: binding.heap.tensor(packed.forward),
              c: out,
              start: { bias: binding.heap.tensor(packedBias) },
            });
            const bent = bindActivation(binding, activation, out, dOutput);
            const backward =
              gradient &&
              backend.bind(product, {
                a: dOutput!,
                b: binding.heap.tensor(packed.backward),
                c: gradient,
                start,
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
                    W.units,
                    () => countRows(binding, per) * inputs,
                    bindWeightGradient(binding, {
                      ...{ weight: W.name, biases: [b.name] },
                      ...{ dOutput: dOutput!, input: value, per },
                    }),
                  ),
                ],
              }),
              packs: [packWeight(binding, W.name, packed), packBias(binding, [b.name], packedBias)],
            };
          },
        };
      },
    };
  },
});
