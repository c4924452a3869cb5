import { attend, attendBackward } from '../../backend/kernels/attention.js';
import { product } from '../../backend/kernels/product.js';
import { PANEL, panelsOf } from '../../tensor/heap.js';
import { bindActivation } from '../activation.js';
import { bindWeightGradient, countRows, meet, weightGradientGroup } from '../binding.js';
import { defineLayer, type BoundLayer, type SequencePasses } from '../layer.js';
import { packBias, packWeight, planPacked } from '../packed-weight.js';
import { bias, matrix, uniform, ZERO } from '../parameters.js';
import { maxPlaces } from '../sizes.js';
import type { Share } from '../work/teams.js';
import type { Zod } from '../../zod.js';
import { rowPlaces } from './pooling.js';

const options = (z: Zod) =>
  z.strictObject({
    width: z
      .int()
      .positive()
      .default(128)
      .describe('Width of the vectors that tokens are weighed by.'),
  });

/**
 * The tokens' sum, each weighed by how much it matters (Yang et al. 2016, after Bahdanau et al. 2014): u_t = tanh(W h_t + b),
 * a = softmax over t of u_t · v, and Σ a_t h_t.
 */
export const attention = defineLayer({
  kind: 'attention',
  options,
  accepts: ['token'],
  place: 'pooling',
  describe({ width }, { width: inputs }, { module, index }) {
    const W = matrix(`${module}.projection.weight`, [width, inputs], uniform(inputs));
    const b = bias(`${module}.projection.bias`, width, ZERO);
    // One row is a vector, whatever PyTorch's shape of it.
    const v = {
      ...matrix(`${module}.context.weight`, [1, width], uniform(width)),
      decays: false,
    };
    return {
      output: { per: 'row', width: inputs },
      reads: 'whole',
      parameters: [W, b, v],
      carried: [],
      gradientInPlace: false,
      meetings: () => 3,
      multiplyAdds: (tokens) => (width * inputs + width + inputs) * tokens,
      plan(heap, sizes) {
        const places = maxPlaces(sizes);
        const panels = (what: string, rows: number, columns: number) =>
          heap.panels(`${module} ${index} ${what}`, rows, columns);
        const packed = {
          projection: planPacked(heap, W.name, panelsOf(width) * PANEL, inputs),
          context: planPacked(heap, v.name, PANEL, width),
          bias: heap.tensor(`packed ${b.name}`, [panelsOf(width) * PANEL]),
        };
        const values = panels('attended', sizes.maxRows, inputs);
        const projected = panels('projected', places, width);
        const scores = panels('scores', places, 1);
        const gradients = sizes.training
          ? {
              projected: panels('d projected', places, width),
              scores: panels('d scores', places, 1),
            }
          : undefined;
        return {
          values,
          bind(binding, { value, gradient, start }, { gradient: dOut }): BoundLayer {
            const { backend, heap: bound, view, clock } = binding;
            const rows = rowPlaces(binding);
            const u = bound.tensor(projected);
            const s = bound.tensor(scores);
            const out = bound.tensor(values);
            const trained = binding.training ? gradients : undefined;
            const dU = trained && bound.tensor(trained.projected);
            const dS = trained && bound.tensor(trained.scores);
            const project = backend.bind(product, {
              ...{ a: value, b: bound.tensor(packed.projection.forward), c: u },
              start: { bias: bound.tensor(packed.bias) },
            });
            const tanh = bindActivation(binding, 'tanh', u, dU);
            const score = backend.bind(product, {
              ...{ a: u, b: bound.tensor(packed.context.forward), c: s, start: 'zero' },
            });
            const sum = backend.bind(attend, { ...rows, scores: s, input: value, out });
            const passes: SequencePasses = {
              by: 'sequence',
              *forward(part): Share {
                const own = view.places(part);
                project(...own);
                tanh.forward!(...own);
                score(...own);
                clock.lap('pooling');
                yield* meet(binding, part);
                sum(...view.rowsOf(part));
                clock.lap('pooling');
              },
            };
            const layer: BoundLayer = {
              output: { value: out },
              passes,
              packs: [
                packWeight(binding, W.name, packed.projection),
                packWeight(binding, v.name, packed.context),
                packBias(binding, [b.name], binding.heap.tensor(packed.bias)),
              ],
            };
            if (!dU || !dS) return layer;

            const unweigh = backend.bind(attendBackward, {
              ...{ ...rows, dOut: dOut!, weights: s, input: value, dScores: dS },
              ...{ dInput: gradient!, adds: start === 'result' },
            });
            const unscore = backend.bind(product, {
              ...{ a: dS, b: bound.tensor(packed.context.backward), c: dU, start: 'zero' },
            });
            const unproject = backend.bind(product, {
              ...{ a: dU, b: bound.tensor(packed.projection.backward), c: gradient! },
              start: 'result',
            });
            return {
              ...layer,
              passes: {
                ...passes,
                *backward(part: number): Share {
                  yield* meet(binding, part);
                  unweigh(...view.rowsOf(part));
                  clock.lap('pooling');
                  yield* meet(binding, part);
                  const own = view.places(part);
                  unscore(...own);
                  tanh.backward!(...own);
                  unproject(...own);
                  clock.lap('pooling');
                },
              },
              weightGradients: [
                weightGradientGroup(
                  binding,
                  W.units,
                  () => countRows(binding, 'token') * inputs,
                  bindWeightGradient(binding, {
                    ...{ weight: W.name, biases: [b.name] },
                    ...{ dOutput: dU, input: value, per: 'token' },
                  }),
                ),
                weightGradientGroup(
                  binding,
                  v.units,
                  () => countRows(binding, 'token') * width,
                  bindWeightGradient(binding, {
                    ...{ weight: v.name, dOutput: dS, input: u, per: 'token' },
                  }),
                ),
              ],
            };
          },
        };
      },
    };
  },
});
