import { expect, it } from 'vitest';
import { chooseBackend } from '../../src/backend/select.js';
import { flopsPerStep } from '../../src/model/graph/describe.js';
import { SLOT } from '../../src/model/sizes.js';
import { createHostBatch } from '../../src/compute/batch-feed.js';
import { randomBatches, recurrent, sizesOf, type BenchCase } from '../../src/bench/bench-cases.js';
import { benchKernels, createWatchedEngine, measureCall } from '../../src/bench/bench-kernels.js';
import { sumRoofs } from '../../src/bench/roofs.js';
import type { ObserveCall } from '../../src/bench/watch-kernels.js';
import type { Engine } from '../../src/compute/engine.js';
import { allocateEngine } from '../../src/compute/allocate-engine.js';

const HIDDEN = 32;
const LAYERS = 2;
const languageModel: BenchCase = {
  name: 'small language model',
  vocabulary: 80,
  embedding: 16,
  layers: recurrent('lstm', HIDDEN, LAYERS),
  batch: 12,
  time: 10,
  classes: 0,
};
const classifier: BenchCase = { ...languageModel, name: 'small classifier', classes: 3 };
const optimizer = { learningRate: 0.01, clipNorm: 1 };
const backend = chooseBackend('auto').kind;

/** Trains on the same batch over and over, on kernels whose calls go through `observe`. */
async function train(
  benchCase: BenchCase,
  steps: number,
  workers: number,
  observe: ObserveCall,
): Promise<Engine> {
  // So small a batch would be one shard otherwise.
  const sizes = { ...sizesOf(benchCase, { workers, shards: 4, dropout: 0.5 }), shards: 4 };
  const engine = createWatchedEngine(allocateEngine(backend, sizes), observe);
  const batch = createHostBatch(sizes);
  await randomBatches(benchCase).read(0, batch);
  // Every token once, so that nothing is saved on tokens that appear again.
  if (benchCase.vocabulary >= batch.tokens.length) batch.tokens.set([...batch.tokens.keys()]);
  await engine.initialize(1);
  engine.load(SLOT.training, batch);
  for (let step = 1; step <= steps; step++) await engine.trainStep(SLOT.training, step, optimizer);
  return engine;
}

it.each([1, 2, 5])(
  'the products of a step, cut for %d workers, are the operations that the step is said to take',
  async (workers) => {
    // So few tokens of a shard leave no empty places, at which products compute too.
    const benchCase: BenchCase = { ...languageModel, vocabulary: 128, time: 5 };
    let flops = 0;
    await train(benchCase, 1, workers, (bound, work, run) => {
      if (/product|lstm|weight/.test(bound.kernel)) flops += work.flops;
      run();
    });
    const { batch, time } = benchCase;
    const { shape } = sizesOf(benchCase, { workers, shards: 4, dropout: 0 });
    // Backwards nothing reaches a row's last step from behind.
    const saved = LAYERS * 8 * batch * HIDDEN * HIDDEN;
    expect(flops).toBe(flopsPerStep(shape, batch * time, batch) - saved);
  },
);

it.each([languageModel, classifier])(
  'measuring every call of a step leaves the weights of one call: $name',
  async (benchCase) => {
    const plain = await train(benchCase, 2, 2, (_bound, _work, run) => run());
    const measured = await train(benchCase, 2, 2, (bound, _work, run) => {
      measureCall(run, bound.changes, 0);
    });
    for (const { name } of plain.plan.parameters) {
      expect(measured.parameter(name), name).toEqual(plain.parameter(name));
    }
  },
);

it.each([languageModel, classifier])(
  'every kernel of a step is measured once for each of its matrices: $name',
  async (benchCase) => {
    const results = await benchKernels(benchCase, { workers: 2, backend, shards: 4, kernelMs: 0 });
    expect(new Set(results.map(({ kernel }) => kernel))).toEqual(
      new Set([
        ...['gather rows', 'product', 'lstm forward', 'dropout', 'softmax', 'lstm backward'],
        ...['weight gradient', 'token sum', 'row squares', 'adam', 'pack'],
      ]),
    );
    const about = (name: string): string[] =>
      results.filter(({ kernel }) => kernel === name).map(({ operand }) => operand);
    const matrices = ['weight_hh_l0', 'weight_hh_l1', 'weight_ih_l0', 'weight_ih_l1'];
    const weights = ['head.weight', ...matrices.map((name) => `lstm.${name}`)];
    expect(about('weight gradient').sort()).toEqual(weights);
    expect(about('pack').sort()).toEqual(weights);
    expect(about('adam').sort()).toEqual(['embedding.weight', ...weights]);
  },
);

it('parts of a buffer have its name: branches of a convolution, each with its activation', async () => {
  const convolution = { kind: 'convolution', width: [1, 2, 3], channels: 17, activation: 'relu' };
  const branches: BenchCase = { ...classifier, layers: [convolution] };
  const results = await benchKernels(branches, { workers: 1, backend, shards: 4, kernelMs: 0 });
  const operands = results.map(({ operand }) => operand);
  expect(operands.every((operand) => /^\w/.test(operand))).toBe(true);
  expect(operands.join()).toContain('convolution_0');
});

it('shares of peak, bandwidth and roofline follow from work and time', async () => {
  const results = await benchKernels(
    { ...languageModel, time: 20 },
    {
      workers: 1,
      backend,
      shards: 4,
      kernelMs: 0,
    },
  );
  for (const result of results) {
    const { flops, bytes, ms, peakGflops, bandwidth } = result;
    expect(ms).toBeGreaterThan(0);
    expect(result.gflops).toBeCloseTo(flops / ms / 1e6, 6);
    expect(result.gigabytesPerSecond).toBeCloseTo(bytes / ms / 1e6, 6);
    expect(result.rooflineGflops).toBe(Math.min(peakGflops, (flops / bytes) * bandwidth));
    const expected =
      flops > 0
        ? result.gflops / result.rooflineGflops
        : result.gigabytesPerSecond / result.bandwidth;
    expect(result.rooflineShare).toBeCloseTo(expected, 6);
  }
  const head = results.find(
    ({ kernel, operand }) => kernel === 'product' && /head.*forward/.test(operand),
  );
  // Logits are formed for 176 rows at a time.
  expect(head).toMatchObject({ size: '176 × 32 × 80', flops: 2 * 176 * 32 * 80 });
  expect(head!.bytes).toBe(4 * (176 * 32 + 32 * 80 + 176 * 80));
});

it('the calls of a step come to its operations, and no roof is above what the kernels take alone', async () => {
  const options = { workers: 2, backend, shards: 4, kernelMs: 0 };
  const results = await benchKernels(languageModel, options);
  const head = results.filter(
    ({ kernel, operand }) => kernel === 'product' && /head/.test(operand),
  );
  // Both workers' rows.
  for (const { step } of head) expect(step.calls).toBe(2);
  const roofs = sumRoofs(results, 2);
  const all = roofs.at(-1)!;
  expect(all.kernel).toBe('all');
  expect(all.roofMs).toBeLessThanOrEqual(all.aloneMs);
  expect(roofs.map(({ kernel }) => kernel)).not.toContain('dropout');
  const sum = roofs.slice(0, -1).reduce((ms, { aloneMs }) => ms + aloneMs, 0);
  expect(all.aloneMs).toBeCloseTo(sum, 9);
});
