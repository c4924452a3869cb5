import { expect, it } from 'vitest';
import type { BackendKind } from '../../src/backend/block.js';
import { chooseBackend } from '../../src/backend/select.js';
import { Engine } from '../../src/compute/engine.js';
import { allocateEngine } from '../../src/compute/allocate-engine.js';
import type { RawBatch } from '../../src/model/batch/raw-batch.js';
import type { NetworkShape } from '../../src/model/graph/shape.js';
import { describeStack } from '../../src/model/graph/stack.js';
import { checkOptimizer } from '../../src/optimizers/check.js';
import { createDisturbedRunner } from './disturbed-runner.js';
import { differingBits, farthest, type Outcome } from './network-runs.js';
import { diceOf, type Division } from './random-networks.js';

const VOCABULARY = 9;
const CLASSES = 3;
const FEATURES = 4;
const common = { vocabulary: VOCABULARY, embedding: { width: 5, dropout: 0 }, outputs: CLASSES };
const lstm = { hiddenSize: 7, direction: 'both', weightDropout: 0, forgetBias: 1 };
const gru = { hiddenSize: 20, direction: 'forwards', weightDropout: 0, reset: 'after' };
const rows = describeStack({
  ...{ ...common, dropout: 0, pooling: ['attention'], predicts: 'row' },
  layers: [
    { kind: 'lstm', ...lstm },
    { kind: 'layer-norm', epsilon: 1e-5 },
  ],
  loss: { kind: 'softmax', options: { labelSmoothing: 0.1, classWeights: [1, 0.5, 3] } },
});
const chain = describeStack({
  ...{ ...common, dropout: 0, predicts: 'token', carries: false },
  layers: [{ kind: 'gru', ...gru }],
  loss: { kind: 'crf', options: {} },
});
const known = describeStack({
  ...{ ...common, features: [{ values: FEATURES, width: 4 }], dropout: 0, predicts: 'token' },
  ...{ layers: [{ kind: 'gru', ...gru }], carries: false },
});
const tied = describeStack({
  ...{ ...common, embedding: { width: 5, dropout: 0, tied: true }, outputs: VOCABULARY },
  ...{ dropout: 0, predicts: 'token', carries: false },
  layers: [{ kind: 'gru', ...gru, hiddenSize: 5 }],
});
const dropped = describeStack({
  ...{ ...common, embedding: { width: 5, dropout: 0.3 }, dropout: 0.2, predicts: 'token' },
  ...{ layers: [{ kind: 'gru', ...gru, weightDropout: 0.2 }], outputs: VOCABULARY },
});

/** Rows [from, to) of drawn ones, as a batch. */
function batchOf(seed: number, from: number, to: number, hasFeatures: boolean): RawBatch {
  const dice = diceOf(seed);
  const all = Array.from({ length: to }, () =>
    Array.from({ length: 1 + dice(9) }, () => [dice(VOCABULARY), dice(CLASSES)] as const),
  ).slice(from);
  const starts = [0];
  for (const row of all) starts.push(starts.at(-1)! + row.length);
  return {
    ...{ rows: all.length, rowStart: Int32Array.from(starts) },
    tokens: Int32Array.from(all.flat(), ([token]) => token),
    labels: Int32Array.from(all, ([first]) => first![1]),
    targets: Int32Array.from(all.flat(), ([, target]) => target),
    ...(hasFeatures && { features: [Int32Array.from(all.flat(), ([token]) => token % FEATURES)] }),
  };
}

interface Setting {
  shape: NetworkShape;
  backend: BackendKind;
  division?: Omit<Division, 'bounds'>;
  /** Batches of each update. */
  updates: RawBatch[][];
  accumulates: boolean;
}

/** What some updates leave: losses, norms, weights. */
async function run({ shape, backend, division, updates, accumulates }: Setting): Promise<Outcome> {
  const handle = allocateEngine(backend, {
    ...{ shape, parts: 1, teams: 1, ...division, shards: 4, seed: 3, training: true, accumulates },
    ...{ optimizer: checkOptimizer('adam', { epsilon: 0.01 }), averages: true },
    ...{ maxRows: 24, maxTokens: 24 * 9, maxSteps: 9 },
  });
  const disturbance = { seed: 5, deaths: division ? 4 : 0 };
  const engine = new Engine(handle, createDisturbedRunner(handle, disturbance));
  await engine.initialize(7);
  const outcome: Outcome = new Map();
  let number = 0;
  for (const [step, batches] of updates.entries()) {
    let [lossSum, divisor, gradNorm, tokens] = [0, 0, 0, 0];
    for (const [i, batch] of batches.entries()) {
      const slot = number % 2;
      engine.load(slot, batch);
      const own = engine.divisorOf(slot);
      divisor += own;
      const ends = i + 1 === batches.length;
      const accumulation = { batch: ++number, share: own / divisor, ends };
      const result = await engine.trainStep(slot, step + 1, {
        ...{ learningRate: 0.05, clipNorm: 0.3, clipValue: 0.05, averageShare: 0.5 },
        ...(accumulates && { accumulation }),
      });
      lossSum += result.lossSum;
      tokens += result.tokens;
      gradNorm = result.gradNorm;
    }
    outcome.set(`step ${step}`, Float64Array.of(lossSum / divisor, gradNorm, tokens));
  }
  for (const { name } of engine.plan.parameters) {
    outcome.set(name, Float64Array.from(engine.parameter(name)));
    outcome.set(`${name}, average`, Float64Array.from(engine.average(name)!));
  }
  return outcome;
}

const { kind } = chooseBackend('auto');
/** Rows of each update, and where its batches begin. */
const cuts = [
  [0, 5, 6, 24],
  [0, 8, 16, 21],
  [0, 4],
];
const apart = ({ features }: NetworkShape) =>
  cuts.map((cut, step) =>
    cut.slice(1).map((end, i) => batchOf(step, cut[i]!, end, features !== undefined)),
  );
const together = ({ features }: NetworkShape) =>
  cuts.map((cut, step) => [batchOf(step, 0, cut.at(-1)!, features !== undefined)]);

it.each([
  ['rows', rows],
  ['chains', chain],
  ['words with features', known],
  ['tied embeddings', tied],
])('an update of several batches of %s is that of one with all their rows', async (_, shape) => {
  for (const [backend, tolerance] of [
    ['reference', 1e-12],
    [kind, 2e-5],
  ] as const) {
    const parts = await run({ shape, backend, updates: apart(shape), accumulates: true });
    const whole = await run({ shape, backend, updates: together(shape), accumulates: false });
    const { name, distance } = farthest(parts, whole);
    expect(distance, `${backend}: ${name}`).toBeLessThan(tolerance);
  }
});

it.each([
  ['rows', rows],
  ['chains', chain],
  ['words with features', known],
  ['tied embeddings', tied],
  ['carried state and dropout', dropped],
])(
  'updates of several batches of %s have the same bits by any workers that die',
  async (_, shape) => {
    const setting = { shape, backend: kind, updates: apart(shape), accumulates: true };
    const alone = await run(setting);
    for (const division of [
      { parts: 3, teams: 3 },
      { parts: 5, teams: 2 },
    ]) {
      expect(differingBits(await run({ ...setting, division }), alone)).toBeUndefined();
    }
  },
);
