import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { layerKind } from '../../src/model/layers/registry.js';
import { checkOptimizer } from '../../src/optimizers/check.js';
import {
  createEngine,
  gradientOf,
  onEachBackend,
  rawBatch,
  relativeError,
  setParameters,
} from './fixture.js';

interface File {
  vocabulary: number;
  steps: number;
  learningRate: number;
  cases: {
    name: string;
    layers: [kind: string, module: string, options: object][];
    tokens: number[][];
    labels: number[];
    loss: number;
    probabilities: number[][];
    parameters: Record<
      string,
      { shape: number[]; initial: number[]; gradient: number[]; trained: number[] }
    >;
  }[];
}

/** What PyTorch computed (scripts/pytorch_token_layers.py). */
const read = (name: string): File =>
  JSON.parse(
    readFileSync(new URL(`../fixtures/pytorch/${name}.json`, import.meta.url), 'utf8'),
  ) as File;
const files = ['token-layers', 'recurrent-layers'].map(read);
/* float32 rounds by 6e-8, some ten times in a row; a wrong term shows as 1e-2. The file has ten digits. */
const tolerance = { native: 1e-5, wasm: 1e-5, reference: 1e-7 };

onEachBackend('agrees with PyTorch', (name) => {
  it.each(files.flatMap(({ cases, ...file }) => cases.map((each) => ({ ...file, ...each }))))(
    'on $name: outputs, gradients and weights after steps',
    async ({ layers, tokens, labels, loss, probabilities, parameters, ...file }) => {
      const shape = {
        vocabulary: file.vocabulary,
        layers: layers.map(([kind, module, options], place) => ({
          kind,
          // Layers of one of PyTorch's modules are counted from its first.
          name: { module, index: place - layers.findIndex(([, other]) => other === module) },
          options: layerKind(kind).options(z).parse(options),
        })),
        loss: { kind: 'softmax', options: {} },
        carries: false,
      };
      const batch = rawBatch(tokens, labels);
      const optimizer = checkOptimizer('sgd');
      const engine = createEngine(shape, [batch], { backend: name, parts: 3, teams: 2, optimizer });
      const given = Object.entries(parameters);
      expect(Object.fromEntries(engine.plan.parameters.map((p) => [p.name, p.shape]))).toEqual(
        Object.fromEntries(given.map(([key, { shape: own }]) => [key, own])),
      );
      await setParameters(
        engine,
        new Map(given.map(([key, { initial }]) => [key, Float32Array.from(initial)])),
      );
      engine.load(0, batch);
      await engine.predict(0);
      const { rowSource } = engine.layout(0);
      probabilities.forEach((expected, row) => {
        const actual = new Float32Array(expected.length);
        engine.probabilities(rowSource.indexOf(row), actual);
        expect(relativeError(actual, expected), `row ${row}`).toBeLessThan(tolerance[name]);
      });
      for (let step = 0; step < file.steps; step++) {
        engine.load(0, batch);
        const settings = { learningRate: file.learningRate, clipNorm: null };
        const result = await engine.trainStep(0, step + 1, settings);
        if (step > 0) continue;
        expect(result.lossSum / result.targets).toBeCloseTo(loss, 5);
        for (const [key, { gradient }] of given) {
          const error = relativeError(gradientOf(engine, key, 0), gradient);
          expect(error, `gradient of ${key}`).toBeLessThan(tolerance[name]);
        }
      }
      for (const [key, { trained }] of given) {
        expect(relativeError(engine.parameter(key), trained), key).toBeLessThan(tolerance[name]);
      }
    },
  );
});
