import fc from 'fast-check';
import { expect, it } from 'vitest';
import { chooseBackend } from '../../src/backend/select.js';
import type { Engine } from '../../src/compute/engine.js';
import { describeStack } from '../../src/model/graph/stack.js';
import type { StackAttention, StackLayer } from '../../src/model/graph/stack-layers.js';
import { createEngine, gradientOf, rawBatch } from '../parity/fixture.js';
import { tries } from '../effort.js';

/*
 * What rows of a language model carry from batch to batch: cut in pieces of any length, a row has the bits that it has as a whole.
 */

const VOCABULARY = 7;
const LAYERS = [
  { kind: 'convolution', width: [2, 5], channels: 5, padding: 'causal' },
  { kind: 'lstm', hiddenSize: 6, initialState: 'learned' },
  { kind: 'convolution', width: 3, channels: 9, padding: 'causal' },
  { kind: 'gru', hiddenSize: 5, initialState: 'learned', reset: 'before' },
  { kind: 'rnn', hiddenSize: 5, initialState: 'learned' },
];
const common = { vocabulary: VOCABULARY, embedding: { width: 4 }, dropout: 0 };
const shapeOf = (layers: readonly StackLayer[], attention?: StackAttention) =>
  describeStack({
    ...{ ...common, layers, predicts: 'token', outputs: VOCABULARY },
    ...(attention && { attention }),
  });
const shape = shapeOf(LAYERS);
const shapes = {
  'convolutions and learned states': shape,
  'attention to more tokens than a batch has': shapeOf([{ kind: 'gru', hiddenSize: 5 }], {
    ...{ kind: 'additive', heads: 1, width: 7, span: 30 },
  }),
  'attention to less, two heads, below another layer': shapeOf(
    [
      { kind: 'lstm', hiddenSize: 32 },
      { kind: 'rnn', hiddenSize: 5 },
    ],
    { kind: 'general', heads: 2, span: 4, after: 1 },
  ),
  'attention of tokens as they are': shapeOf([{ kind: 'dense', width: 5 }], {
    ...{ kind: 'dot', heads: 1, span: 3 },
  }),
};
const { kind: backend } = chooseBackend('auto');

const rowsOf = (lengths: readonly number[], first: number): number[][] =>
  lengths.map((length, row) =>
    Array.from({ length }, (_, t) => (3 * row + 5 * (first + t) + (first + t) ** 2) % VOCABULARY),
  );

/** Initial states, too, begin with zeros: they are drawn like biases. */
async function drawParameters(engine: Engine): Promise<void> {
  await engine.initialize(1);
  for (const { name } of engine.plan.parameters) {
    const values = engine.parameter(name);
    values.forEach((_, i) => (values[i] = Math.sin(7 * i + name.length) / 2));
  }
  await engine.packWeights();
}

/** Probabilities of the next token at every token of every row, in the order of rows. */
async function predict(engine: Engine, pieces: readonly number[][][]): Promise<number[][]> {
  const found = pieces[0]!.map(() => [] as number[]);
  engine.clearState(0);
  for (const [number, rows] of pieces.entries()) {
    const slot = number % 2;
    engine.load(slot, rawBatch(rows, [], rows));
    await engine.predict(slot);
    const { rowStart, tokenPlaces } = engine.layout(slot);
    rows.forEach((tokens, row) => {
      tokens.forEach((_, t) => {
        const out = new Float32Array(VOCABULARY);
        engine.probabilities(tokenPlaces[rowStart[row]! + t]!, out);
        found[row]!.push(...out);
      });
    });
  }
  return found;
}

it.each(Object.entries(shapes))(
  'a row that goes on from batch to batch has the bits of the whole, however it is cut: %s',
  async (_name, drawn) => {
    const whole = rowsOf([12, 12, 12], 0);
    const engine = createEngine(drawn, [rawBatch(whole, [], whole)], {
      backend,
      parts: 3,
      teams: 2,
    });
    await drawParameters(engine);
    const expected = await predict(engine, [whole]);
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: 11 }));
    await fc.assert(
      fc.asyncProperty(cuts, async (inner) => {
        const bounds = [0, ...inner.toSorted((a, b) => a - b), 12];
        const pieces = bounds
          .slice(1)
          .map((end, i) => whole.map((row) => row.slice(bounds[i], end)));
        expect(await predict(engine, pieces)).toEqual(expected);
      }),
      { seed: 1, numRuns: tries(12), examples: [[[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]]] },
    );
  },
);

it('learned initial states have gradients of the rows that start from them alone', async () => {
  const batches = [0, 3].map((first) => {
    const rows = rowsOf([3, 2], first);
    return rawBatch(rows, [], rows);
  });
  const engine = createEngine(shape, batches, { backend });
  await drawParameters(engine);
  const initial = engine.plan.parameters.flatMap(({ name }) =>
    name.includes('initial') ? [name] : [],
  );
  expect(initial).toEqual([
    ...['lstm.initial_hidden_l0', 'lstm.initial_cell_l0'],
    ...['gru.initial_hidden_l1', 'rnn.initial_hidden_l2'],
  ]);
  engine.clearState(0);
  const sizes: number[][] = [];
  for (const [step, batch] of batches.entries()) {
    engine.load(step, batch);
    await engine.trainStep(step, step + 1, { learningRate: 0, clipNorm: null });
    sizes.push(initial.map((name) => Math.hypot(...gradientOf(engine, name, step))));
  }
  for (const size of sizes[0]!) expect(size).toBeGreaterThan(1e-4);
  expect(sizes[1]).toEqual(initial.map(() => 0));
});
