import { expect, it } from 'vitest';
import { z } from 'zod';
import { layerKind } from '../../src/model/layers/registry.js';
import type { LayerDescription, NetworkShape } from '../../src/model/graph/shape.js';
import type { Engine } from '../../src/compute/engine.js';
import { createEngine, gradientOf, rawBatch } from '../parity/fixture.js';

const VOCABULARY = 60;
const still = { learningRate: 0, clipNorm: null };

function networkOf(...layers: [kind: string, options: object][]): NetworkShape {
  const described = layers.map(([kind, options], index): LayerDescription => ({
    ...{ kind, name: { module: `${kind}_${index}`, index } },
    options: layerKind(kind).options(z).parse(options),
  }));
  return {
    vocabulary: VOCABULARY,
    layers: described,
    loss: { kind: 'softmax', options: {} },
    carries: false,
  };
}

const lengths = [9, 4, 1, 16];
const rows = lengths.map((length, row) =>
  Array.from({ length }, (_, t) => (row * 17 + t * 5) % VOCABULARY),
);
const batch = rawBatch(
  rows,
  [],
  rows.map((row) => row.map((token) => token % 3)),
);

async function trained(shape: NetworkShape, step = 1): Promise<Engine> {
  const engine = createEngine(shape, [batch], { backend: 'reference', parts: 2 });
  await engine.initialize(3);
  engine.load(0, batch);
  await engine.trainStep(0, step, still);
  return engine;
}

it('dropout of features takes the same ones from all tokens of a row, and others from other rows', async () => {
  const engine = await trained(
    networkOf(
      ['embedding', { width: 8 }],
      ['rnn', { hiddenSize: 40 }],
      ['dropout', { rate: 0.5, over: 'features' }],
      ['dense', { width: 3 }],
    ),
  );
  const values = engine.heap.tensor(engine.plan.layers[2]!.values!);
  const { rowStart, tokenPlaces } = engine.layout(0);
  const masks = lengths.map((_, row) => {
    const patterns = Array.from(tokenPlaces.subarray(rowStart[row], rowStart[row + 1]), (place) =>
      Array.from({ length: 40 }, (_, c) =>
        values.get(c >> 4, place, c & 15) === 0 ? '-' : 'x',
      ).join(''),
    );
    expect(new Set(patterns).size).toBe(1);
    return patterns[0]!;
  });
  expect(new Set(masks).size).toBe(lengths.length);
  for (const mask of masks) expect(mask).toMatch(/-.*x|x.*-/);
});

it('dropout of words gives those that are dropped no gradient, others in the next step', async () => {
  const shape = networkOf(
    ['embedding', { width: 8, dropout: 0.5 }],
    ['rnn', { hiddenSize: 5 }],
    ['dense', { width: 3 }],
  );
  const present = [...new Set(rows.flat())];
  const droppedIn = async (step: number): Promise<number[]> => {
    const gradient = gradientOf(await trained(shape, step), 'embedding_0.weight', 0);
    return present.filter((id) => gradient.subarray(id * 8, id * 8 + 8).every((g) => g === 0));
  };
  const [first, second] = [await droppedIn(1), await droppedIn(2)];
  for (const dropped of [first, second]) {
    expect(Math.abs(dropped.length / present.length - 0.5)).toBeLessThan(0.35);
  }
  expect(first).not.toEqual(second);
});

it('dropped recurrent weights have no gradient, others in every step, and none are dropped in evaluation', async () => {
  const hiddenSize = 20;
  const [dropped, whole] = [0.5, 0].map((weightDropout) =>
    networkOf(
      ['embedding', { width: 8 }],
      ['rnn', { hiddenSize, weightDropout }],
      ['dense', { width: 3 }],
    ),
  );
  const zerosOf = (engine: Engine): number[] =>
    [...gradientOf(engine, 'rnn_1.weight_hh_l1', 0).entries()]
      .filter(([, value]) => value === 0)
      .map(([place]) => place);
  const [first, second] = [await trained(dropped!), await trained(dropped!, 2)];
  const shares = [first, second].map((engine) => zerosOf(engine).length / hiddenSize ** 2);
  for (const share of shares) expect(Math.abs(share - 0.5)).toBeLessThan(0.1);
  expect(zerosOf(first)).not.toEqual(zerosOf(second));
  const other = await trained(whole!);
  const losses = [];
  for (const engine of [first, other]) {
    engine.load(2, batch);
    losses.push((await engine.evaluate(2)).lossSum);
  }
  expect(losses[0]).toBe(losses[1]);
});
