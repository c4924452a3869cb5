import { expect, it } from 'vitest';
import { allocateEngine } from '../../../src/compute/allocate-engine.js';
import { Engine } from '../../../src/compute/engine.js';
import { createLocalRunner } from '../../../src/compute/runner.js';
import { foldAttention } from '../../../src/model/graph/folded-attention.js';
import type { NetworkShape } from '../../../src/model/graph/shape.js';
import { SLOT } from '../../../src/model/sizes.js';
import { describeStack, type Stack } from '../../../src/model/graph/stack.js';
import { checkOptimizer } from '../../../src/optimizers/check.js';
import { onEachBackend, rawBatch } from '../../parity/fixture.js';

const vocabulary = 21;
const sources = [[3, 1, 4, 1, 5], [9], [2, 6, 5, 3, 5, 8, 9, 7, 9], [3, 2, 3]];
const texts = [[20, 5, 6], [20], [20, 8, 9, 1, 2], [20, 7]];

function describe(stack: Partial<Stack>): NetworkShape {
  return describeStack({
    ...{ vocabulary, outputs: vocabulary, dropout: 0.1, predicts: 'token', carries: false },
    embedding: { width: 10 },
    encoder: {
      ...{ vocabulary: 11, embedding: { width: 7 }, dropout: 0 },
      layers: [{ kind: 'lstm', hiddenSize: 12, direction: 'both' }],
    },
    attention: { kind: 'general', heads: 1, width: 18 },
    layers: [{ kind: 'lstm', hiddenSize: 20 }],
    ...stack,
  });
}

const kindsOf = ({ layers }: NetworkShape): string[] =>
  layers.map(({ kind, name: { module } }) => `${kind} ${module}`);

const direct = ['output.direct.weight', 'output.direct.bias'];
/** Each with what is computed for the source in the place of what was for the decoder's own tokens. */
const folded: Record<string, { stack: Partial<Stack>; made: string[] }> = {
  'general attention': { stack: {}, made: ['key.weight', 'value.weight', ...direct] },
  'general attention below another layer': {
    stack: {
      attention: { kind: 'general', heads: 1, after: 1 },
      layers: [
        { kind: 'gru', hiddenSize: 20 },
        { kind: 'rnn', hiddenSize: 9 },
      ],
    },
    made: ['key.weight', 'value.weight', ...direct],
  },
  'additive attention': {
    stack: { attention: { kind: 'additive', heads: 1, width: 14 } },
    made: ['value.weight', ...direct],
  },
  'dot attention': {
    stack: { attention: { kind: 'dot', heads: 1 }, layers: [{ kind: 'lstm', hiddenSize: 24 }] },
    made: ['value.weight', ...direct],
  },
};

onEachBackend('a network whose attention is folded', (backend) => {
  const predict = async (
    shape: NetworkShape,
    values?: (name: string) => ArrayLike<number>,
  ): Promise<{ engine: Engine; probabilities: number[][] }> => {
    const handle = allocateEngine(backend, {
      ...{ shape, parts: 2, teams: 2, shards: 4, seed: 3, training: false },
      ...{ maxRows: 8, maxTokens: 32, maxSteps: 8 },
      optimizer: checkOptimizer('sgd'),
      source: { maxTokens: 64, maxSteps: 9 },
    });
    const engine = new Engine(handle, createLocalRunner(handle));
    await engine.initialize(3);
    for (const { name } of engine.plan.parameters) {
      const own = engine.parameter(name);
      // Large ones, that attention has something to choose from.
      own.set(values?.(name) ?? own.map((value) => 8 * value));
    }
    await engine.packWeights();
    engine.load(SLOT.prediction, rawBatch(texts, [], texts, [], sources));
    await engine.predict(SLOT.prediction);
    const places = engine.layout(SLOT.prediction).tokenPlaces;
    const probabilities = texts.flat().map((_, token) => {
      const all = new Float32Array(vocabulary);
      engine.probabilities(places[token]!, all);
      return [...all];
    });
    return { engine, probabilities };
  };

  it.each(Object.entries(folded))('tells what it told before: %s', async (_, { stack, made }) => {
    const shape = describe(stack);
    const { shape: other, makeWeights } = foldAttention(shape);
    const { engine, probabilities } = await predict(shape);
    const weights = makeWeights((name) => Float32Array.from(engine.parameter(name)));
    const before = new Map(
      engine.plan.parameters.map(({ name, value }) => [name, [...engine.heap.flat(value)]]),
    );
    const after = await predict(other, (name) => weights.get(name) ?? before.get(name)!);
    expect([...weights.keys()]).toEqual(made.map((name) => `attention.${name}`));
    for (const [token, all] of probabilities.entries()) {
      for (const [id, each] of all.entries()) {
        expect(after.probabilities[token]![id]).toBeCloseTo(each, 5);
      }
    }
  });
});

it('has keys and values of the source in the place of queries and of what stands side by side', () => {
  const layers = kindsOf(foldAttention(describe({})).shape);
  expect(layers.slice(layers.findIndex((layer) => layer.includes('attention')))).toEqual([
    'dense attention.key',
    'dense attention.value',
    'cross-attention attention',
    'dense attention.output.direct',
    'add attention.output',
    'dropout dropout',
    'dense head',
  ]);
});

it.each<[string, Partial<Stack>]>([
  ['several heads', { attention: { kind: 'additive', heads: 2, width: 32 } }],
  ['input feeding', { attention: { kind: 'general', heads: 1, inputFeeding: true } }],
  ['no attention', { attention: { kind: 'none', heads: 1 } }],
])('stays as it is with %s', (_, stack) => {
  const shape = describe({
    layers: [{ kind: 'lstm', hiddenSize: 32 }],
    encoder: {
      ...{ vocabulary: 11, embedding: { width: 7 }, dropout: 0 },
      layers: [{ kind: 'lstm', hiddenSize: 32 }],
    },
    ...stack,
  });
  const { shape: other, makeWeights } = foldAttention(shape);
  expect(kindsOf(other)).toEqual(kindsOf(shape));
  expect(makeWeights(() => []).size).toBe(0);
});
