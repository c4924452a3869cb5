import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { SoftmaxOptions } from '../../src/model/losses/softmax.js';
import {
  createEngine,
  gradientOf,
  loadFixture,
  onEachBackend,
  relativeError,
  setParameters,
} from './fixture.js';

/** What PyTorch's losses make of a fixture's first batch (scripts/pytorch_losses.py), in float64. */
interface Case {
  fixture: string;
  options: SoftmaxOptions;
  loss: number;
  crossEntropy: number;
  gradNorm: number;
  headBias: number[];
}
const cases = JSON.parse(
  readFileSync(new URL('../fixtures/pytorch/losses.json', import.meta.url), 'utf8'),
) as Case[];

/** As in pytorch.test.ts; a wrong term shows as 1e-2 or more. */
const tolerance = { native: 2e-5, wasm: 2e-5, reference: 1e-7 };

onEachBackend('agrees with PyTorch', (name) => {
  it.each(cases)('in the loss and gradients of the $fixture with $options', async (expected) => {
    const fixture = loadFixture(expected.fixture);
    const { shape, batches } = fixture;
    const loss = { kind: 'softmax', options: expected.options };
    const engine = createEngine({ ...shape, loss }, batches, { backend: name, parts: 2 });
    await setParameters(engine, await fixture.tensors('initial'));
    engine.clearState(0);
    engine.load(0, batches[0]!);
    const settings = { learningRate: 1e-30, clipNorm: null };
    const result = await engine.trainStep(0, 1, settings);
    const near = (actual: number, wanted: number): void =>
      expect(Math.abs(actual / wanted - 1)).toBeLessThan(tolerance[name]);
    near(result.lossSum / result.divisor, expected.loss);
    near(result.crossEntropySum / result.targets, expected.crossEntropy);
    near(result.gradNorm, expected.gradNorm);
    const bias = gradientOf(engine, 'head.bias', 0);
    expect(relativeError(bias, expected.headBias)).toBeLessThan(tolerance[name]);
    // An evaluation forms the same losses, without gradients.
    const evaluated = await engine.evaluate(0);
    near(evaluated.lossSum / evaluated.divisor, expected.loss);
    near(evaluated.crossEntropySum / evaluated.targets, expected.crossEntropy);
  });
});
