import { describe, expect, it } from 'vitest';
import type { RawBatch } from '../../src/model/batch/raw-batch.js';
import { CELLS } from '../../src/model/layers/registry.js';
import type { NetworkShape } from '../../src/model/graph/shape.js';
import { describeStack, type Stack } from '../../src/model/graph/stack.js';
import type { Engine } from '../../src/compute/engine.js';
import { PURPOSE, uniform } from '../../src/tensor/random.js';
import { tries } from '../effort.js';
import { createEngine, gradientOf, rawBatch } from '../parity/fixture.js';
import { bindLoss } from './loss.js';

/*
 * On a float64 heap the central difference (L(w + h) − L(w − h)) / 2h errs by h² L‴ / 6 from the series and by
 * 1e-16 L / h from rounding: with h = 1e-4 both are some 1e-9 of the gradients at most.
 */
const STEP = 1e-4;
const TOLERANCE = 1e-6;
/** Directions in which all elements move, so that none is wrong unseen: by a random length each, so that two errors do not cancel. */
const DIRECTIONS = tries(1);
const PARTS = 2;

/** Without a learning rate a step leaves the parameters as they are; its number decides the dropout masks. */
const still = { learningRate: 0, clipNorm: null };
const draw = (stream: number, index: number, below: number): number =>
  Math.floor(uniform(5, PURPOSE.sampling, stream, index) * below);

const VOCABULARY = 12;
const stack = (
  cell: string,
  hidden: number[],
  dropout: number,
): Omit<Stack, 'predicts' | 'outputs'> => ({
  vocabulary: VOCABULARY,
  embedding: { width: 5 },
  layers: hidden.map((hiddenSize) => ({ kind: cell, hiddenSize })),
  dropout,
});
const classifier = (cell: string, dropout: number): NetworkShape =>
  describeStack({ ...stack(cell, [7, 6], dropout), predicts: 'row', outputs: 3 });
const languageModel = (cell: string, dropout: number): NetworkShape =>
  describeStack({ ...stack(cell, [5, 17], dropout), predicts: 'token', outputs: VOCABULARY });

function tokensOf(lengths: number[], stream: number): number[][] {
  return lengths.map((length, row) =>
    Array.from({ length }, (_, t) => draw(stream, row * 100 + t, VOCABULARY)),
  );
}

const mails = rawBatch(tokensOf([2, 1, 5, 2], 1), [0, 2, 1, 1]);
/** Rows that go on where those of the batch before ended; the long one is followed by an empty place. */
const texts = [2, 4].map((stream) =>
  rawBatch(tokensOf([16, 1], stream), [], tokensOf([16, 1], stream + 1)),
);

/** Targets and their sources, of which one is longer than a panel is wide: attention's columns are its words. */
function pairsOf(sourceVocabulary: number): RawBatch {
  const [own, next] = [6, 7].map((stream) => tokensOf([3, 1, 5, 2], stream));
  const source = tokensOf([2, 18, 4, 1], 8).map((row) => row.map((id) => id % sourceVocabulary));
  return rawBatch(own!, [], next, [], source);
}

/** Draws parameters, biases too, so large that every non-linearity takes part. */
async function drawParameters(engine: Engine): Promise<void> {
  await engine.initialize(3);
  for (const [stream, { name }] of engine.plan.parameters.entries()) {
    const values = engine.parameter(name);
    values.forEach((_, i) => (values[i] = uniform(4, PURPOSE.weights, stream, i) - 0.5));
  }
  await engine.packWeights();
}

/** Compares the gradients of the last batch's mean loss, the state that the batches before it left being constant. */
async function compareGradients(shape: NetworkShape, batches: RawBatch[]): Promise<void> {
  const engine = createEngine(shape, batches, { backend: 'reference', parts: PARTS });
  await drawParameters(engine);
  engine.clearState(0);
  for (const [index, batch] of batches.entries()) {
    engine.load(index % 2, batch);
    await engine.trainStep(index % 2, index + 1, still);
  }
  const slot = (batches.length - 1) % 2;
  const gradients = new Map(
    engine.plan.parameters.map(({ name }) => [name, gradientOf(engine, name, slot)]),
  );
  const loss = bindLoss(engine, slot);
  for (const [stream, { name }] of engine.plan.parameters.entries()) {
    const values = engine.parameter(name);
    const original = values.slice();
    const gradient = gradients.get(name)!;
    const lossAlong = (direction: Float64Array, distance: number) => {
      values.forEach((_, i) => (values[i] = original[i]! + distance * direction[i]!));
      return loss();
    };
    for (let i = 0; i < DIRECTIONS; i++) {
      const direction = drawDirection(values.length, 30 + stream, i);
      const above = lossAlong(direction, STEP);
      const difference = (above - lossAlong(direction, -STEP)) / (2 * STEP);
      const expected = gradient.reduce((sum, value, k) => sum + value * direction[k]!, 0);
      const size = Math.hypot(...gradient);
      expect(size, `${name} has a gradient`).toBeGreaterThan(1e-4);
      expect(Math.abs(difference - expected) / size, `${name}, try ${i}`).toBeLessThan(TOLERANCE);
    }
    values.set(original);
  }
}

/** Every element by a length of its own between ±1 / √length and ±2 / √length. */
function drawDirection(length: number, stream: number, index: number): Float64Array {
  return new Float64Array(length).map((_, k) => {
    const drawn = 2 * uniform(5, PURPOSE.sampling, stream, index * 10_000 + k) - 1;
    return (drawn + Math.sign(drawn)) / Math.sqrt(length);
  });
}

describe.each(CELLS)('every gradient agrees with finite differences in float64, %s', (cell) => {
  it.each([0, 0.3])('of a classifier of rows of different lengths, dropout %d', (dropout) =>
    compareGradients(classifier(cell, dropout), [mails]),
  );

  it.each([0, 0.3])('of a language model behind a carried state, dropout %d', (dropout) =>
    compareGradients(languageModel(cell, dropout), texts),
  );

  it('of cells with layer normalization, read from both ends', () => {
    const normed = { kind: cell, layerNorm: true, direction: 'both', initialState: 'learned' };
    const given = { ...stack(cell, [], 0), layers: [{ ...normed, hiddenSize: 17 }] };
    return compareGradients(describeStack({ ...given, predicts: 'row', outputs: 3 }), [mails]);
  });

  it.each(['last', 'max'].map((other) => ['mean', other]))(
    'of all tokens of a layer and of one of them, side by side: %s and %s',
    (...pooling) => {
      const given = { ...stack(cell, [7], 0), pooling };
      return compareGradients(describeStack({ ...given, predicts: 'row', outputs: 3 }), [mails]);
    },
  );

  const learned = [7, 6].map((hiddenSize) => ({
    ...{ kind: cell, hiddenSize, initialState: 'learned', direction: 'both' },
  }));
  it('of what rows start from, read from both ends', () => {
    const given = { ...stack(cell, [], 0), layers: learned };
    return compareGradients(describeStack({ ...given, predicts: 'row', outputs: 3 }), [mails]);
  });

  it('of what the rows of a language model start from', () => {
    const layers = learned.map((layer) => ({ ...layer, direction: 'forwards' }));
    const given = { ...stack(cell, [], 0), layers };
    const shape = describeStack({ ...given, predicts: 'token', outputs: VOCABULARY });
    return compareGradients(shape, texts.slice(0, 1));
  });
});

describe('every gradient agrees with finite differences in float64', () => {
  it.each([0, 0.3])(
    'of residual blocks within each other and several poolings, dropout %d',
    (dropout) => {
      const inner = { kind: 'residual', layers: [{ kind: 'gru', hiddenSize: 7 }] };
      const layers = [
        { kind: 'convolution', width: [2, 3], channels: 4 },
        { kind: 'dense', width: 7 },
        {
          kind: 'residual',
          layers: [{ kind: 'layer-norm' }, inner, { kind: 'lstm', hiddenSize: 7 }],
        },
      ];
      const pooling = ['last', 'max', 'mean'];
      const options = { ...stack('gru', [], dropout), layers, pooling };
      return compareGradients(describeStack({ ...options, predicts: 'row', outputs: 3 }), [mails]);
    },
  );

  it.each([
    ['none', 1, 'dense'],
    ['dot', 1, 'dense'],
    ['general', 2, 'dense'],
    ['additive', 1, 'dense'],
    ['additive', 2, 'zeros'],
  ] as const)('of encoder and decoder, attention %s, %i heads, bridge %s', (...given) => {
    const [kind, heads, bridge] = given;
    const hiddenSize = heads === 1 ? 8 : 16;
    const layer = { kind: 'lstm', hiddenSize, direction: 'both' };
    const layers = ['lstm', 'gru'].map((cell) => ({ kind: cell, hiddenSize: 2 * hiddenSize }));
    const encoder = { vocabulary: 9, embedding: { width: 3 }, layers: [layer], dropout: 0 };
    const shape = describeStack({
      ...{ ...stack('lstm', [], 0.2), encoder, layers, bridge, carries: false },
      ...{ attention: { kind, heads }, predicts: 'token', outputs: VOCABULARY },
    });
    return compareGradients(shape, [pairsOf(9)]);
  });

  it.each([
    ['dot', 1, 'dense', {}],
    ['general', 2, 'zeros', { width: 21 }],
    ['general', 1, 'dense', { after: 1 }],
    ['additive', 2, 'dense', { width: 32 }],
  ] as const)('of input feeding, attention %s, %i heads, bridge %s, %j', (...given) => {
    const [kind, heads, bridge, options] = given;
    const hiddenSize = heads === 1 ? 4 : 16;
    const layer = { kind: 'gru', hiddenSize, direction: 'both' };
    const layers = [
      { kind: 'lstm', hiddenSize: 2 * hiddenSize, layerNorm: heads === 1 },
      { kind: 'gru', hiddenSize: 2 * hiddenSize, reset: 'before' },
    ];
    const encoder = { vocabulary: 9, embedding: { width: 3 }, layers: [layer], dropout: 0 };
    const shape = describeStack({
      ...{ ...stack('lstm', [], 0.2), encoder, layers, bridge, carries: false },
      ...{ attention: { kind, heads, inputFeeding: true, ...options }, predicts: 'token' },
      outputs: VOCABULARY,
    });
    return compareGradients(shape, [pairsOf(9)]);
  });

  it.each([0, 0.3])(
    'of one weight for the words of both sides and for the head, dropout %d',
    (dropout) => {
      const embedding = { width: 6, tied: true };
      const layers = [{ kind: 'lstm', hiddenSize: 6 }];
      const encoder = { vocabulary: VOCABULARY, embedding, layers, dropout: 0 };
      const shape = describeStack({
        ...{ ...stack('lstm', [], 0), encoder, layers, bridge: 'dense', carries: false },
        ...{ embedding: { ...embedding, dropout }, attention: { kind: 'general', heads: 1 } },
        ...{ predicts: 'token', outputs: VOCABULARY },
      });
      return compareGradients(shape, [pairsOf(VOCABULARY)]);
    },
  );

  it.each([
    ['rnn', 'backwards', 'concatenate', 17],
    ['rnn', 'both', 'concatenate', 7],
    ['rnn', 'both', 'concatenate', 16],
    ['rnn', 'both', 'sum', 7],
    ['lstm', 'both', 'concatenate', 5],
  ] as const)('of %s layers that read rows %s, %s, %i units', (...given) => {
    const [cell, direction, merge, hiddenSize] = given;
    const layer = { kind: cell, hiddenSize, direction, merge };
    const options = { ...stack(cell, [], 0), layers: [layer, { ...layer, hiddenSize: 6 }] };
    return compareGradients(describeStack({ ...options, predicts: 'row', outputs: 3 }), [mails]);
  });

  it.each([
    ['rnn with relu', { kind: 'rnn', activation: 'relu' }],
    ['lstm with dropped weights', { kind: 'lstm', weightDropout: 0.4 }],
    ['gru with dropped weights, both ways', { kind: 'gru', weightDropout: 0.4, direction: 'both' }],
  ] as const)('of layers of cells: %s', (_, options) => {
    const layers = [7, 6].map((hiddenSize) => ({ ...options, hiddenSize }));
    const given = { ...stack(options.kind, [], 0), layers };
    return compareGradients(describeStack({ ...given, predicts: 'row', outputs: 3 }), [mails]);
  });
});
