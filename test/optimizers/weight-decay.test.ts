import { expect, it } from 'vitest';
import { z } from 'zod';
import { Engine } from '../../src/compute/engine.js';
import { allocateEngine } from '../../src/compute/allocate-engine.js';
import { createLocalRunner } from '../../src/compute/runner.js';
import type { RawBatch } from '../../src/model/batch/raw-batch.js';
import type { NetworkShape } from '../../src/model/graph/shape.js';
import { describeStack } from '../../src/model/graph/stack.js';
import { checkOptimizer } from '../../src/optimizers/check.js';
import type { OptimizerKind } from '../../src/optimizers/optimizer.js';
import { optimizers } from '../../src/optimizers/registry.js';

const batch: RawBatch = {
  ...{ rows: 2, tokens: Int32Array.of(2, 3, 4, 2, 5), rowStart: Int32Array.of(0, 3, 5) },
  ...{ labels: Int32Array.of(0, 1), targets: Int32Array.of(0, 1, 2, 1, 0) },
};
const common = { vocabulary: 7, embedding: { width: 3, dropout: 0 }, dropout: 0, outputs: 3 };
const shapes: NetworkShape[] = [
  describeStack({
    ...common,
    layers: [
      { kind: 'lstm', hiddenSize: 4, direction: 'both', weightDropout: 0, forgetBias: 1 },
      { kind: 'layer-norm', epsilon: 1e-5 },
    ],
    pooling: ['attention'],
    predicts: 'row',
  }),
  describeStack({
    ...common,
    layers: [
      { kind: 'gru', hiddenSize: 4, direction: 'forwards', weightDropout: 0, reset: 'after' },
    ],
    predicts: 'token',
    carries: false,
    loss: { kind: 'crf', options: {} },
  }),
];

/** The parameters after one step, all of which were some way from 0 before it. */
async function step(
  shape: NetworkShape,
  optimizer: ReturnType<typeof checkOptimizer>,
): Promise<Map<string, number[]>> {
  const handle = allocateEngine('reference', {
    ...{ shape, optimizer, parts: 1, teams: 1, shards: 1, seed: 1, training: true },
    ...{ maxRows: 2, maxTokens: 5, maxSteps: 3 },
  });
  const engine = new Engine(handle, createLocalRunner(handle));
  for (const { name } of engine.plan.parameters) {
    engine.parameter(name).forEach((_, i, values) => (values[i] = 0.5 + 0.4 * Math.sin(i + 1)));
  }
  await engine.packWeights();
  engine.load(0, batch);
  await engine.trainStep(0, 1, { learningRate: 0.1, clipNorm: null });
  return new Map(engine.plan.parameters.map(({ name }) => [name, [...engine.parameter(name)]]));
}

/** Biases, gains, and what a chain or attention learns as a vector. */
const SPARED = /bias|^layer_norm\w*\.weight$|\.context\.weight$|\.(start|end)_transitions$/;

const decaying = (Object.values(optimizers) as readonly OptimizerKind[]).filter(
  ({ options }) => 'weightDecay' in options(z).shape,
);

it.each(decaying)(
  'weight decay of $kind takes from every matrix, and from no vector',
  async ({ kind }) => {
    const run = (shape: NetworkShape, weightDecay: number) =>
      step(shape, checkOptimizer(kind as keyof typeof optimizers, { weightDecay }));
    const spared = new Set<string>();
    for (const shape of shapes) {
      const [plain, decayed] = [await run(shape, 0), await run(shape, 0.1)];
      for (const [name, values] of plain) {
        const isSpared = SPARED.test(name);
        if (isSpared) spared.add(name);
        const same = decayed.get(name)!.filter((value, i) => value === values[i]);
        expect(same, name).toHaveLength(isSpared ? values.length : 0);
      }
    }
    expect(spared.size).toBeGreaterThan(12);
  },
);
