import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { chooseBackend } from '../../src/backend/select.js';
import { layerKind } from '../../src/model/layers/registry.js';
import type { LayerDescription } from '../../src/model/graph/shape.js';
import { rawBatch } from '../parity/fixture.js';
import { ALONE, differingBits, evaluate, farthest, start, trainSteps } from './network-runs.js';
import { diceOf, sketch, type Case, type Division } from './random-networks.js';
import { compareGradients } from './true-gradients.js';

/*
 * Layers that mix the tokens of a row, on rows of many lengths: shorter than a convolution is wide, so long that a team shares one.
 */

const VOCABULARY = 30;
const CLASSES = 5;
const SEED = 7;
const compiled = chooseBackend('auto');
const wasm = chooseBackend('wasm');

const divisions = [
  [2, 2],
  [3, 1],
  [5, 2],
  [7, 7],
].map(([parts = 1, teams = 1]): Division => ({
  ...{ parts, teams },
  bounds: Float64Array.from({ length: parts + 1 }, (_, part) => part / parts),
}));

type Given = [kind: string, options: object];

function caseOf(...given: Given[]): Case {
  const all: Given[] = [['embedding', { width: 20 }], ...given, ['dense', { width: CLASSES }]];
  const layers = all.map(([kind, options], index): LayerDescription => ({
    kind,
    name: { module: `${kind}_${index}`, index },
    options: layerKind(kind).options(z).parse(options),
  }));
  const dice = diceOf(SEED);
  const lengths = [
    [13, 1, 2, 30, 3, 7],
    [5, 5, 19, 2],
    [1, 2, 3],
  ];
  const perRow = given.some(([kind]) =>
    ['first', 'last', 'max', 'mean', 'attention'].includes(kind),
  );
  const batches = lengths.map((rows) => {
    const each = (below: number): number[][] =>
      rows.map((length) => Array.from({ length }, () => dice(below)));
    return rawBatch(
      each(VOCABULARY),
      rows.map(() => dice(CLASSES)),
      perRow ? undefined : each(CLASSES),
    );
  });
  const shape = {
    vocabulary: VOCABULARY,
    layers,
    loss: { kind: 'softmax', options: {} },
    carries: false,
  };
  return { shape, batches, divisions, seed: SEED };
}

const several = { width: [3, 2, 5, 3], channels: 11, activation: 'relu' };
const cases: Case[] = [
  ...['max', 'mean', 'first', 'last', 'attention'].flatMap((pooling) => [
    caseOf(['expand', {}], [pooling, {}]),
    caseOf(['lstm', { hiddenSize: 12, direction: 'both' }], [pooling, {}]),
  ]),
  ...[
    { heads: 3, width: 7 },
    { heads: 17, score: 'dot' },
  ].flatMap((options) => [
    caseOf(['expand', {}], ['attention', options]),
    caseOf(['gru', { hiddenSize: 16 }], ['attention', options]),
  ]),
  ...(['dot', 'additive'] as const).flatMap((score) => [
    caseOf(['expand', {}], ['self-attention', { score, span: 3 }]),
    caseOf(['gru', { hiddenSize: 32 }], ['self-attention', { score, heads: 2, span: 18 }]),
  ]),
  caseOf(['expand', {}], ['convolution', several], ['max', {}]),
  caseOf(['expand', {}], ['convolution', { ...several, padding: 'causal' }], ['mean', {}]),
  caseOf(
    ['expand', {}],
    ['convolution', { width: 4, channels: 32, activation: 'tanh' }],
    ['convolution', { width: [1, 7], channels: 16 }],
    ['gru', { hiddenSize: 10 }],
    ['convolution', { width: 9, channels: 3 }],
    ['attention', { width: 6 }],
  ),
  caseOf(['expand', {}], ['dense', { width: 33, activation: 'relu' }], ['max', {}]),
  caseOf(
    ['expand', {}],
    ['dense', { width: 18, activation: 'tanh' }],
    ['dropout', { rate: 0.5 }],
    ['convolution', { ...several, activation: 'tanh' }],
  ),
];

describe.each(cases.map((each) => [sketch(each).replace(/; rows .*/, ''), each] as const))(
  '%s',
  (_name, drawn) => {
    it('gives the same bits however its work is divided, in WebAssembly, too', async () => {
      const alone = await start(drawn, compiled.kind, ALONE);
      const expected = new Map([...(await trainSteps(alone)), ...(await evaluate(alone))]);
      for (const [number, division] of divisions.entries()) {
        const backend = number % 2 ? compiled : wasm;
        const divided = await start(drawn, backend.kind, division);
        const outcome = new Map([...(await trainSteps(divided)), ...(await evaluate(divided))]);
        const where = `${backend.kind}, ${division.parts} parts, ${division.teams} teams`;
        if (backend.profile === compiled.profile) {
          expect(differingBits(outcome, expected), where).toBeUndefined();
        } else expect(farthest(outcome, expected).distance, where).toBeLessThan(2e-5);
      }
    });

    it("has float64's values, and gradients that finite differences confirm", async () => {
      const single = await start(drawn, compiled.kind, ALONE);
      const double = await start(drawn, 'reference', ALONE);
      const { name, distance } = farthest(await trainSteps(single), await trainSteps(double));
      expect(distance, name).toBeLessThan(2e-5);
      await compareGradients(double, drawn);
    });
  },
);
