import { attend, attendBackward } from '../../backend/kernels/attention.js';
import { copyColumns } from '../../backend/kernels/columns.js';
import { PANEL, panelsOf, type BufferSpec } from '../../tensor/heap.js';
import { bindActivation } from '../activation.js';
import { countRows, meet } from '../binding.js';
import { defineLayer, type BoundLayer, type SequencePasses } from '../layer.js';
import { packBias, packWeight } from '../weights/packed-weight.js';
import { bias, matrix, uniform, ZERO } from '../weights/parameters.js';
import { bindProduct, planProduct } from '../weights/products.js';
import { maxPlaces } from '../sizes.js';
import { bindWeightGradient, weightGradientGroup } from '../weights/weight-gradients.js';
import type { Share } from '../work/teams.js';
import type { Zod } from '../../zod.js';
import { columnOf, headsOf } from './pooled-heads.js';
import { rowPlaces } from './pooling.js';

const USUAL_WIDTH = 128;

const options = (z: Zod) =>
  z
    .strictObject({
      score: z
        .enum(['additive', 'dot'])
        .default('additive')
        .describe(
          'How much a token matters: v · tanh(W h + b) (`additive`), or v · h, its product with a learned vector (`dot`).',
        ),
      heads: z
        .int()
        .positive()
        .default(1)
        .describe(
          "Sums of the tokens side by side, each weighed by a learned vector of its own (Lin et al. 2017): what is pooled is so many times as wide as the top layer's output.",
        ),
      width: z
        .int()
        .positive()
        .optional()
        .describe('Width of the vectors that `additive` weighs tokens by; 128 by default.'),
    })
    .refine(({ score, width }) => score === 'additive' || width === undefined, {
      path: ['width'],
      error: 'expected nothing beside score: dot, which weighs tokens by what the top layer leaves',
    })
    .transform(({ width = USUAL_WIDTH, ...given }) =>
      given.score === 'additive' ? { ...given, width } : given,
    );

interface Options {
  score: 'additive' | 'dot';
  heads: number;
  width?: number;
}

/**
 * The tokens' sum, each weighed by how much it matters (Yang et al. 2016, after Bahdanau et al. 2014): u_t = tanh(W h_t + b), or h_t itself,
 * a = softmax over t of u_t · v, and Σ a_t h_t; with several heads the sums by as many v (Lin et al. 2017), side by side.
 */
export const attention = defineLayer<Options>({
  kind: 'attention',
  options,
  accepts: ['token'],
  place: 'pooling',
  describe({ heads, width }, { width: inputs }, { module, index }) {
    const projection =
      width === undefined
        ? undefined
        : {
            W: matrix(`${module}.projection.weight`, [width, inputs], uniform(inputs)),
            b: bias(`${module}.projection.bias`, width, ZERO),
          };
    const compared = width ?? inputs;
    // One row is a vector, whatever PyTorch's shape of it.
    const v = {
      ...matrix(`${module}.context.weight`, [heads, compared], uniform(compared)),
      decays: false,
    };
    return {
      output: { per: 'row', width: heads * inputs },
      reads: 'whole',
      parameters: [...(projection ? [projection.W, projection.b] : []), v],
      carried: [],
      gradientInPlace: false,
      kernels: 16 + 8 * heads,
      meetings: () => 3,
      multiplyAdds: (tokens) =>
        ((width === undefined ? 0 : width * inputs) + heads * (compared + inputs)) * tokens,
      plan(heap, sizes) {
        const places = maxPlaces(sizes);
        const panels = (what: string, lines: number, columns: number): BufferSpec =>
          heap.panels(`${module} ${index} ${what}`, lines, columns);
        const packed = {
          ...(projection && {
            projection: planProduct(heap, sizes, projection.W.name, {
              ...{ outputs: panelsOf(compared) * PANEL, inputs, rows: places },
            }),
            bias: heap.tensor(`packed ${projection.b.name}`, [panelsOf(compared) * PANEL]),
          }),
          context: planProduct(heap, sizes, v.name, {
            ...{ outputs: panelsOf(heads) * PANEL, inputs: compared, rows: places },
          }),
        };
        const values = panels('attended', sizes.maxRows, heads * inputs);
        // Where a head's columns begin in the midst of a panel: each in panels of its own.
        const isApart = heads > 1 && inputs % PANEL !== 0;
        const apart = (what: string): BufferSpec[] | undefined =>
          isApart
            ? Array.from({ length: heads }, (_, h) => panels(`${what} ${h}`, sizes.maxRows, inputs))
            : undefined;
        const parted = { values: apart('head'), gradients: sizes.training && apart('d head') };
        const projected = projection && panels('projected', places, compared);
        const scores = panels('scores', places, heads);
        const gradients = sizes.training
          ? {
              projected: projection && panels('d projected', places, compared),
              scores: panels('d scores', places, heads),
              // Each head's with zeros behind it.
              ofHeads: heads > 1 ? panels('d scores of heads', places, heads * PANEL) : undefined,
            }
          : undefined;
        return {
          values,
          bind(binding, { value, gradient, start }, { gradient: dOut }): BoundLayer {
            const { backend, heap: bound, view, clock } = binding;
            const tokens = rowPlaces(binding);
            const u = projected && bound.tensor(projected);
            const s = bound.tensor(scores);
            const out = bound.tensor(values);
            const trained = binding.training ? gradients : undefined;
            const dU = trained?.projected && bound.tensor(trained.projected);
            const dS = trained && bound.tensor(trained.scores);
            const project =
              u &&
              bindProduct(binding, {
                ...{ a: value, weight: packed.projection!, direction: 'forward', c: u },
                start: { bias: bound.tensor(packed.bias!) },
              });
            const tanh = u && bindActivation(binding, 'tanh', u, dU);
            const score = bindProduct(binding, {
              ...{ a: u ?? value, weight: packed.context, direction: 'forward' },
              ...{ c: s, start: 'zero' },
            });
            const sums = headsOf(binding, out, parted.values, heads, inputs).map(
              ({ own, join }, head) => {
                const sum = backend.bind(attend, {
                  ...{ ...tokens, scores: columnOf(s, head), input: value, out: own },
                });
                return { sum, join: join('out') };
              },
            );
            const passes: SequencePasses = {
              by: 'sequence',
              *forward(part): Share {
                const own = view.places(part);
                project?.(...own);
                tanh?.forward!(...own);
                score(...own);
                clock.lap('pooling');
                yield* meet(binding, part);
                const [row0, row1] = view.rowsOf(part);
                for (const { sum, join } of sums) {
                  sum(row0, row1);
                  join?.(row0, row1);
                }
                clock.lap('pooling');
              },
            };
            const layer: BoundLayer = {
              output: { value: out },
              passes,
              packs: [
                ...(projection ? [packWeight(binding, projection.W.name, packed.projection!)] : []),
                packWeight(binding, v.name, packed.context),
                ...(projection
                  ? [packBias(binding, [projection.b.name], bound.tensor(packed.bias!))]
                  : []),
              ],
            };
            if (!dS) return layer;

            const dHeads = trained.ofHeads && bound.tensor(trained.ofHeads);
            const ofHeads = headsOf(binding, dOut!, parted.gradients || undefined, heads, inputs);
            const unweigh = ofHeads.map(({ own, join }, head) => {
              const run = backend.bind(attendBackward, {
                ...{ ...tokens, dOut: own, weights: columnOf(s, head), input: value },
                ...{ dScores: dHeads ? columnOf(dHeads, head * PANEL) : dS, dInput: gradient! },
                adds: head > 0 || start === 'result',
              });
              return { part: join('in'), run };
            });
            const gather =
              dHeads &&
              ofHeads.map((_, head) =>
                backend.bind(copyColumns, {
                  from: { matrix: dHeads, column: head * PANEL },
                  to: { matrix: dS, column: head },
                  // Behind the last one zeros to the end of the panel.
                  columns: head === heads - 1 ? panelsOf(heads) * PANEL - head : 1,
                  adds: false,
                }),
              );
            const unscore = bindProduct(binding, {
              ...{ a: dS, weight: packed.context, direction: 'backward', c: dU ?? gradient! },
              start: dU ? 'zero' : 'result',
            });
            const unproject =
              dU &&
              bindProduct(binding, {
                ...{ a: dU, weight: packed.projection!, direction: 'backward', c: gradient! },
                start: 'result',
              });
            return {
              ...layer,
              passes: {
                ...passes,
                *backward(part: number): Share {
                  yield* meet(binding, part);
                  const [row0, row1] = view.rowsOf(part);
                  for (const { part: take, run } of unweigh) {
                    take?.(row0, row1);
                    run(row0, row1);
                  }
                  clock.lap('pooling');
                  yield* meet(binding, part);
                  const own = view.places(part);
                  for (const each of gather ?? []) each(...own);
                  unscore(...own);
                  tanh?.backward!(...own);
                  unproject?.(...own);
                  clock.lap('pooling');
                },
              },
              weightGradients: [
                ...(projection
                  ? [
                      weightGradientGroup(
                        binding,
                        projection.W.units,
                        () => countRows(binding, 'token') * inputs,
                        bindWeightGradient(binding, {
                          ...{ weight: projection.W.name, biases: [projection.b.name] },
                          ...{ dOutput: dU!, input: value, per: 'token' },
                          paired: packed.projection!.gradientInput,
                        }),
                      ),
                    ]
                  : []),
                weightGradientGroup(
                  binding,
                  v.units,
                  () => countRows(binding, 'token') * compared,
                  bindWeightGradient(binding, {
                    ...{ weight: v.name, dOutput: dS, input: u ?? value, per: 'token' },
                    paired: packed.context.gradientInput,
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
