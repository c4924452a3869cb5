import { describe, expect, it } from 'vitest';
import { describeBackends } from '../../src/backend/select.js';
import type { RawBatch } from '../../src/model/batch-layout.js';
import type { NetworkShape } from '../../src/model/parameters.js';
import { PURPOSE, uniform } from '../../src/tensor/random.js';
import type { Engine } from '../../src/compute/engine.js';
import { createEngine, rawBatch } from '../parity/fixture.js';

const optimizer = { learningRate: 0.01, beta1: 0.9, beta2: 0.999, epsilon: 1e-8, clipNorm: 0.5 };
const VOCABULARY = 50;

const classifier: NetworkShape = {
  task: 'classify',
  vocabulary: VOCABULARY,
  embedding: 12,
  layers: [20, 33],
  outputs: 3,
};
const languageModel: NetworkShape = {
  ...classifier,
  task: 'language-model',
  outputs: VOCABULARY,
};

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
  dropout: number,
  before: (engine: Engine, index: number) => void = () => undefined,
): Promise<Record<string, number | Uint8Array>> {
  const [count, teams] = typeof parts === 'number' ? [parts, parts] : parts;
  const options = { backend, parts: count, teams, dropout, shards: 8 };
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
function spoil({ heap, plan }: Engine): void {
  for (const { gates, hidden, cell, dropped } of plan.layers) {
    for (const spec of [gates, hidden, cell, dropped]) if (spec) heap.flat(spec).fill(NaN);
  }
  for (const spec of [plan.logits, plan.losses, plan.dHidden]) if (spec) heap.flat(spec).fill(NaN);
}

const backends = describeBackends().filter(({ name }) => name !== 'reference');
describe.each(backends)('$name', ({ name, available, reason }) => {
  if (!available || name === 'reference') {
    it.skip(`not available: ${reason}`, () => undefined);
    return;
  }

  it.each([2, 3, 4, 7, 16])(
    'trains a classifier to the same bits in %i parts as in one',
    async (parts) => {
      const alone = await trainWith(name, classifier, mails, 1, 0.3);
      expect(await trainWith(name, classifier, mails, parts, 0.3)).toEqual(alone);
    },
  );

  it.each([2, 3, 4, 7, 16])(
    'trains a language model to the same bits in %i parts as in one',
    async (parts) => {
      const alone = await trainWith(name, languageModel, texts, 1, 0.2);
      expect(await trainWith(name, languageModel, texts, parts, 0.2)).toEqual(alone);
    },
  );

  it.each([
    [2, 1],
    [3, 1],
    [7, 3],
    [16, 2],
  ])('trains to the same bits in %i parts that work in teams: %i', async (parts, teams) => {
    const classified = await trainWith(name, classifier, mails, 1, 0.3);
    expect(await trainWith(name, classifier, mails, [parts, teams], 0.3)).toEqual(classified);
    const modelled = await trainWith(name, languageModel, texts, 1, 0.2);
    expect(await trainWith(name, languageModel, texts, [parts, teams], 0.2)).toEqual(modelled);
  });

  it.each([
    ['a classifier', classifier, mails] as const,
    ['a language model', languageModel, texts] as const,
  ])('trains %s to the same bits however the work is shared out', async (_, shape, batches) => {
    const alone = await trainWith(name, shape, batches, 1, 0.3);
    const uneven = [
      [0, 0.1, 0.7, 1],
      [0, 0, 0.33, 1],
      [0, 0.5, 1, 1],
    ].map((bounds) => Float64Array.from(bounds));
    const shared = await trainWith(name, shape, batches, 3, 0.3, (engine, index) => {
      engine.load(index % 2, batches[index]!, uneven[index]);
    });
    expect(shared).toEqual(alone);
    const inTeam = await trainWith(name, shape, batches, [3, 1], 0.3, (engine, index) => {
      engine.load(index % 2, batches[index]!, uneven[index]);
    });
    expect(inTeam).toEqual(alone);
  });

  it.each([
    ['a classifier', classifier, mails] as const,
    ['a language model', languageModel, texts] as const,
  ])('never lets into %s what lies at empty places', async (_, shape, batches) => {
    const clean = await trainWith(name, shape, batches, 2, 0.3);
    expect(await trainWith(name, shape, batches, 2, 0.3, spoil)).toEqual(clean);
  });

  it('draws other masks with dropout than without, and other weights from them', async () => {
    const dropped = await trainWith(name, classifier, mails, 1, 0.3);
    expect(await trainWith(name, classifier, mails, 1, 0)).not.toEqual(dropped);
  });
});
