import { averageShare, type AveragingConfig } from '../../src/optimizers/averaging.js';
import type { FloatArray } from '../../src/tensor/heap.js';
import { checkOptimizer } from '../../src/optimizers/check.js';
import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import {
  createEngine,
  loadFixture,
  onEachBackend,
  relativeError,
  setParameters,
} from './fixture.js';

/** What PyTorch's optimizers make of the classifier (scripts/pytorch_training.py), in float64. */
interface Run {
  kind: Parameters<typeof checkOptimizer>[0];
  options: Record<string, unknown>;
  clipping: { clipNorm?: number; clipValue?: number };
  learningRate: number;
  losses: number[];
  /** Some of each parameter, evenly taken. */
  weights: Record<string, number[]>;
  /** The same of averages of the weights over the steps. */
  averaging?: AveragingConfig;
  averages?: Record<string, number[]>;
  /** Steps before they began, where evaluations decide on it. */
  averagesFrom?: number;
}
const runs = JSON.parse(
  readFileSync(new URL('../fixtures/pytorch/optimizers.json', import.meta.url), 'utf8'),
) as Run[];
const classifier = loadFixture('classifier');

/*
 * Float32 gradients are right to some 1e-6 (see pytorch.test.ts), and 20 steps carry that on; a wrong rule shows as 1e-2.
 * Rules that divide by the gradient's size turn an error of a gradient near 0 into one of a step's size there, which
 * weighs little beside all weights of a parameter.
 */
const tolerance = { native: 1e-4, wasm: 1e-4, reference: 1e-7 };

/** The reference is slow; its losses of so few steps, to 1e-7, tell every rule from a wrong one. */
const REFERENCE_STEPS = 4;

/** Evaluations tell after as many steps that averaging begins. */
function shareAt({ averaging, averagesFrom = Infinity }: Run, step: number): number {
  return averageShare(averaging!, step, step > averagesFrom ? averagesFrom : undefined);
}

onEachBackend('agrees with PyTorch', (name) => {
  it.each(runs)('in 20 steps of $kind $options $clipping $averaging', async (run) => {
    const { kind, options, clipping, learningRate } = run;
    const [batch] = classifier.batches;
    const engine = createEngine(classifier.shape, [batch!], {
      backend: name,
      parts: 2,
      optimizer: checkOptimizer(kind, options),
      averages: run.averaging !== undefined,
    });
    await setParameters(engine, await classifier.tensors('initial'));
    engine.load(0, batch!);
    const settings = { learningRate, clipNorm: null, ...clipping };
    const isWhole = name !== 'reference' || run.averaging !== undefined;
    const losses = isWhole ? run.losses : run.losses.slice(0, REFERENCE_STEPS);
    for (const [step, loss] of losses.entries()) {
      const { lossSum, targets } = await engine.trainStep(0, step + 1, {
        ...settings,
        ...(run.averaging && { averageShare: shareAt(run, step + 1) }),
      });
      expect(Math.abs(lossSum / targets / loss - 1), `loss ${step}`).toBeLessThan(tolerance[name]);
    }
    if (!isWhole) return;
    const compare = (trained: FloatArray, values: readonly number[], parameter: string): void => {
      const every = Math.max(1, Math.floor(trained.length / 8));
      const some = Array.from(trained).filter((_, i) => i % every === 0);
      expect(some).toHaveLength(values.length);
      expect(relativeError(some, values), parameter).toBeLessThan(tolerance[name]);
    };
    for (const [parameter, values] of Object.entries(run.weights)) {
      compare(engine.parameter(parameter), values, parameter);
    }
    for (const [parameter, values] of Object.entries(run.averages ?? {})) {
      compare(engine.average(parameter)!, values, `the average of ${parameter}`);
    }
  });
});
