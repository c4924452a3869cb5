import { describe, expect, it } from 'vitest';
import { describeBackends } from '../../src/backend/select.js';
import type { RawBatch } from '../../src/model/batch/raw-batch.js';
import type { NetworkShape } from '../../src/model/graph/shape.js';
import { describeStack } from '../../src/model/graph/stack.js';
import { PURPOSE, uniform } from '../../src/tensor/random.js';
import type { Engine } from '../../src/compute/engine.js';
import { planEngine } from '../../src/compute/engine-memory.js';
import { createEngine, rawBatch } from '../parity/fixture.js';

const optimizer = { learningRate: 0.01, clipNorm: 0.5 };
const VOCABULARY = 50;

const stack = {
  vocabulary: VOCABULARY,
  embedding: { width: 12 },
  layers: [20, 33].map((hiddenSize) => ({ kind: 'lstm', hiddenSize })),
};
const classifier = (dropout: number): NetworkShape =>
  describeStack({ ...stack, dropout, predicts: 'row', outputs: 3 });
/** Rows that are read from both ends, put together beside a panel's edge, then added. */
const bothWays = (dropout: number): NetworkShape =>
  describeStack({
    ...{ ...stack, dropout, predicts: 'row', outputs: 3 },
    layers: [
      { kind: 'lstm', hiddenSize: 20, direction: 'both' },
      { kind: 'gru', hiddenSize: 33, direction: 'both', merge: 'sum' },
      { kind: 'rnn', hiddenSize: 18, direction: 'backwards' },
    ],
  });
const languageModel = (dropout: number): NetworkShape =>
  describeStack({ ...stack, dropout, predicts: 'token', outputs: VOCABULARY });

const draw = (stream: number, index: number, below: number): number =>
  Math.floor(uniform(9, PURPOSE.sampling, stream, index) * below);
const tokens = (rows: number, length: (row: number) => number, stream: number): number[][] =>
  Array.from({ length: rows }, (_, row) =>
    Array.from({ length: length(row) }, (_, t) => draw(stream, row * 100 + t, VOCABULARY)),
  );

/** Rows of all lengths, and a last batch that is not full. */
const mails = [13, 13, 5].map((rows, stream) =>
  rawBatch(
    tokens(rows, (row) => 1 + draw(stream + 10, row, 20), stream),
    Array.from({ length: rows }, (_, row) => draw(stream + 20, row, 3)),
  ),
);
/** Rows of a length that leaves an empty place behind each. */
const texts = [0, 1, 2].map((stream) =>
  rawBatch(
    tokens(10, () => 16, stream),
    [],
    tokens(10, () => 16, stream + 30),
  ),
);

/** Every parameter's bits, and the losses, after a step on each batch; `before` is called ahead of every step. */
async function trainWith(
  backend: 'native' | 'wasm',
  shape: NetworkShape,
  batches: RawBatch[],
  parts: number | [parts: number, teams: number],
  before: (engine: Engine, index: number) => void = () => undefined,
): Promise<Record<string, number | Uint8Array>> {
  const [count, teams] = typeof parts === 'number' ? [parts, parts] : parts;
  const options = { backend, parts: count, teams, shards: 8 };
  const engine = createEngine(shape, batches, options);
  await engine.initialize(1);
  engine.clearState(0);
  const result: Record<string, number | Uint8Array> = {};
  for (const [index, batch] of batches.entries()) {
    const slot = index % 2;
    engine.load(slot, batch);
    before(engine, index);
    const { lossSum, gradNorm, applied } = await engine.trainStep(slot, index + 1, optimizer);
    expect(applied).toBe(true);
    result[`loss ${index}`] = lossSum;
    result[`gradient norm ${index}`] = gradNorm;
  }
  for (const { name } of engine.plan.parameters) {
    const { buffer, byteOffset, byteLength } = engine.parameter(name);
    result[name] = new Uint8Array(buffer, byteOffset, byteLength).slice();
  }
  return result;
}

/** Leaves nothing of the activations and gradients that a step works on. */
function spoil({ heap, handle }: Engine): void {
  const { buffers } = planEngine(handle.backend, handle.sizes).buffers;
  const spoilt = buffers.filter(({ name }) =>
    /^(lstm \d (gates|hidden|cell)|dropout \d dropped|head output|losses|d signal \d)$/.test(name),
  );
  expect(new Set(spoilt.map(({ name }) => name.replace(/ \d/, ''))).size).toBe(7);
  for (const spec of spoilt) heap.flat(spec).fill(NaN);
}

const backends = describeBackends().filter(({ name }) => name !== 'reference');
describe.each(backends)('$name', ({ name, available, reason }) => {
  if (!available || name === 'reference') {
    it.skip(`not available: ${reason}`, () => undefined);
    return;
  }

  it.each([3, 16])('trains a classifier to the same bits in %i parts as in one', async (parts) => {
    const alone = await trainWith(name, classifier(0.3), mails, 1);
    expect(await trainWith(name, classifier(0.3), mails, parts)).toEqual(alone);
  });

  it.each([3, 16])(
    'trains a language model to the same bits in %i parts as in one',
    async (parts) => {
      const alone = await trainWith(name, languageModel(0.2), texts, 1);
      expect(await trainWith(name, languageModel(0.2), texts, parts)).toEqual(alone);
    },
  );

  it.each([3, [7, 3]] as const)(
    'trains a network that reads from both ends to the same bits in parts (and teams) %s as in one',
    async (parts) => {
      const alone = await trainWith(name, bothWays(0.3), mails, 1);
      const divided = typeof parts === 'number' ? parts : ([...parts] as [number, number]);
      expect(await trainWith(name, bothWays(0.3), mails, divided)).toEqual(alone);
    },
  );

  it.each([
    [3, 1],
    [16, 2],
  ])('trains to the same bits in %i parts that work in teams: %i', async (parts, teams) => {
    const classified = await trainWith(name, classifier(0.3), mails, 1);
    expect(await trainWith(name, classifier(0.3), mails, [parts, teams])).toEqual(classified);
    const modelled = await trainWith(name, languageModel(0.2), texts, 1);
    expect(await trainWith(name, languageModel(0.2), texts, [parts, teams])).toEqual(modelled);
  });

  it.each([
    ['a classifier', classifier, mails] as const,
    ['a language model', languageModel, texts] as const,
  ])('trains %s to the same bits however the work is shared out', async (_, shape, batches) => {
    const alone = await trainWith(name, shape(0.3), batches, 1);
    const uneven = [
      [0, 0.1, 0.7, 1],
      [0, 0, 0.33, 1],
      [0, 0.5, 1, 1],
    ].map((bounds) => Float64Array.from(bounds));
    const shared = await trainWith(name, shape(0.3), batches, 3, (engine, index) => {
      engine.load(index % 2, batches[index]!, uneven[index]);
    });
    expect(shared).toEqual(alone);
    const inTeam = await trainWith(name, shape(0.3), batches, [3, 1], (engine, index) => {
      engine.load(index % 2, batches[index]!, uneven[index]);
    });
    expect(inTeam).toEqual(alone);
  });

  it.each([
    ['a classifier', classifier, mails] as const,
    ['a language model', languageModel, texts] as const,
  ])('never lets into %s what lies at empty places', async (_, shape, batches) => {
    const clean = await trainWith(name, shape(0.3), batches, 2);
    expect(await trainWith(name, shape(0.3), batches, 2, spoil)).toEqual(clean);
  });

  it('leaves the initial weights of every layer as they are when another one is put in', async () => {
    const initial = async (shape: NetworkShape): Promise<Map<string, Float32Array>> => {
      const engine = createEngine(shape, mails, { backend: name });
      await engine.initialize(1);
      return new Map(
        engine.plan.parameters.map((each) => [
          each.name,
          Float32Array.from(engine.parameter(each.name)),
        ]),
      );
    };
    const few = classifier(0);
    const [bottom, ...others] = few.layers;
    const put = {
      kind: 'gru',
      name: { module: 'gru', index: 0 },
      options: { hiddenSize: 20, reset: 'after' },
    };
    const more = await initial({
      ...few,
      layers: [bottom!, ...others.slice(0, 1), put, ...others.slice(1)],
    });
    for (const [parameter, values] of await initial(few)) {
      expect(more.get(parameter), parameter).toEqual(values);
    }
  });

  it('draws other masks with dropout than without, and other weights from them', async () => {
    const dropped = await trainWith(name, classifier(0.3), mails, 1);
    expect(await trainWith(name, classifier(0), mails, 1)).not.toEqual(dropped);
  });
});
