import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import type { BatchResult } from '../../src/model/batch/step-results.js';
import type { NetworkShape } from '../../src/model/graph/shape.js';
import { bitsOfFloat } from '../../src/tensor/float-bits.js';
import { addLabel, wordsOf } from '../../src/tensor/label-sets.js';
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
  kind: string;
  options: object;
  loss: number;
  crossEntropy?: number;
  /** Targets in the place of classes, what the first output makes of them, and the error in their unit. */
  numbers?: number[];
  mse?: number;
  /** Of each row, in the place of classes. */
  labels?: number[][];
  gradNorm: number;
  headBias: number[];
}
const cases = JSON.parse(
  readFileSync(new URL('../fixtures/pytorch/losses.json', import.meta.url), 'utf8'),
) as Case[];

/** As in pytorch.test.ts; a wrong term shows as 1e-2 or more. */
const tolerance = { native: 2e-5, wasm: 2e-5, reference: 1e-7 };

onEachBackend('agrees with PyTorch', (name) => {
  it.each(cases)(
    'in the loss and gradients of the $fixture, $kind with $options',
    async (expected) => {
      const fixture = loadFixture(expected.fixture);
      const { kind, options, numbers, labels } = expected;
      const shape = { ...fixture.shape, loss: { kind, options } };
      const batch = { ...fixture.batches[0]! };
      const initial = await fixture.tensors('initial');
      if (numbers) {
        batch.labels = Int32Array.from(numbers, bitsOfFloat);
        keepFirstOutput(shape, initial);
      }
      if (labels) batch.labels = setsOf(labels, fixture.file.sizes.outputs);
      const engine = createEngine(shape, [batch], { backend: name, parts: 2 });
      await setParameters(engine, initial);
      engine.clearState(0);
      engine.load(0, batch);
      const settings = { learningRate: 1e-30, clipNorm: null };
      const result = await engine.trainStep(0, 1, settings);
      const near = (actual: number, wanted: number): void =>
        expect(Math.abs(actual / wanted - 1)).toBeLessThan(tolerance[name]);
      const compare = (sums: BatchResult): void => {
        near(sums.lossSum / sums.divisor, expected.loss);
        if (numbers) near(sums.squaredErrorSum / sums.targets, expected.mse!);
        else near(sums.crossEntropySum / sums.targets, expected.crossEntropy ?? expected.loss);
      };
      compare(result);
      near(result.gradNorm, expected.gradNorm);
      const bias = gradientOf(engine, 'head.bias', 0);
      expect(relativeError(bias, expected.headBias)).toBeLessThan(tolerance[name]);
      // An evaluation forms the same losses, without gradients.
      compare(await engine.evaluate(0));
    },
  );
});

function setsOf(rows: number[][], outputs: number): Int32Array {
  const words = wordsOf(outputs);
  const sets = new Int32Array(rows.length * words);
  rows.forEach((labels, row) => labels.forEach((label) => addLabel(sets, row * words, label)));
  return sets;
}

/** The network with one output in the place of a class each. */
function keepFirstOutput(shape: NetworkShape, weights: Map<string, Float32Array>): void {
  const head = shape.layers.at(-1)!;
  shape.layers = [
    ...shape.layers.slice(0, -1),
    { ...head, options: { ...(head.options as object), width: 1 } },
  ];
  const outputs = weights.get('head.bias')!.length;
  for (const name of ['head.bias', 'head.weight']) {
    const values = weights.get(name)!;
    weights.set(name, values.subarray(0, values.length / outputs));
  }
}
