import { PANEL, panelsOf, type Tensor } from '../../tensor/heap.js';
import { bindActivation } from '../activation.js';
import { countRows } from '../binding.js';
import { defineLayer, type BoundLayer } from '../layer.js';
import { packBias, packWeight } from '../weights/packed-weight.js';
import { bias, matrix, uniform, ZERO } from '../weights/parameters.js';
import { bindProduct, planProduct } from '../weights/products.js';
import type { Zod } from '../../zod.js';
import { bindWeightGradient, weightGradientGroup } from '../weights/weight-gradients.js';

/** In the order in which cells carry them. */
const STATES = ['hidden', 'cell'] as const;

const options = (z: Zod) =>
  z.strictObject({
    hiddenSize: z.int().positive().describe('Values of each state.'),
    states: z
      .int()
      .min(1)
      .max(STATES.length)
      .describe('The hidden state alone, or with a cell state behind it.'),
  });

/** What the rows of a recurrent layer begin with, of what is known of each: tanh(W x + b), with a W of its own for each state. */
export const bridge = defineLayer({
  kind: 'bridge',
  options,
  accepts: ['row'],
  describe({ hiddenSize, states }, { width: inputs }, { module, index }) {
    const units = panelsOf(hiddenSize);
    const width = states * units * PANEL;
    const own = STATES.slice(0, states).map((state) => ({
      W: matrix(`${module}.${state}.weight`, [hiddenSize, inputs], uniform(inputs)),
      b: bias(`${module}.${state}.bias`, hiddenSize, ZERO),
    }));
    return {
      output: { per: 'row', width, states: { count: states, width: hiddenSize } },
      reads: 'whole',
      parameters: own.flatMap(({ W, b }) => [W, b]),
      carried: [],
      gradientInPlace: false,
      meetings: () => 0,
      multiplyAdds: (_, rows) => states * hiddenSize * inputs * rows,
      plan(heap, sizes) {
        const packed = own.map(({ W, b }) => ({
          weight: planProduct(heap, sizes, W.name, {
            ...{ outputs: units * PANEL, inputs, rows: sizes.maxRows },
          }),
          bias: heap.tensor(`packed ${b.name}`, [units * PANEL]),
        }));
        const values = heap.panels(`${module} ${index} states`, sizes.maxRows, width);
        return {
          values,
          bind(binding, { value, gradient, start }, { gradient: dOutput }): BoundLayer {
            const { heap: bound, clock } = binding;
            const out = bound.tensor(values);
            const ofState = (matrix: Tensor, state: number): Tensor =>
              matrix.lo(state * units, 0, 0).hi(units, matrix.shape[1]!, PANEL);
            const forward = packed.map(({ weight, bias: packedBias }, state) =>
              bindProduct(binding, {
                ...{ a: value, weight, direction: 'forward', c: ofState(out, state) },
                start: { bias: bound.tensor(packedBias) },
              }),
            );
            const tanh = bindActivation(binding, 'tanh', out, dOutput);
            const backward = packed.map(
              ({ weight }, state) =>
                gradient &&
                bindProduct(binding, {
                  ...{ a: ofState(dOutput!, state), weight, direction: 'backward', c: gradient },
                  start: state === 0 ? start : 'result',
                }),
            );
            return {
              output: { value: out },
              passes: {
                by: 'rows',
                forward(row0, row1) {
                  for (const each of forward) each(row0, row1);
                  tanh.forward!(row0, row1);
                  clock.lap('head');
                },
                backward(row0, row1) {
                  tanh.backward!(row0, row1);
                  for (const each of backward) each?.(row0, row1);
                  clock.lap('head');
                },
              },
              ...(binding.training && {
                weightGradients: own.map(({ W, b }, state) =>
                  weightGradientGroup(
                    binding,
                    W.units,
                    () => countRows(binding, 'row') * inputs,
                    bindWeightGradient(binding, {
                      ...{ weight: W.name, biases: [b.name], dOutput: ofState(dOutput!, state) },
                      ...{ input: value, per: 'row' },
                      paired: packed[state]!.weight.gradientInput,
                    }),
                  ),
                ),
              }),
              packs: own.flatMap(({ W, b }, state) => [
                packWeight(binding, W.name, packed[state]!.weight),
                packBias(binding, [b.name], bound.tensor(packed[state]!.bias)),
              ]),
            };
          },
        };
      },
    };
  },
});
