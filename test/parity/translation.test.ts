import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { checkOptimizer } from '../../src/optimizers/check.js';
import { describeStack, type Stack } from '../../src/model/graph/stack.js';
import {
  createEngine,
  gradientOf,
  onEachBackend,
  rawBatch,
  relativeError,
  setParameters,
} from './fixture.js';

interface File {
  sourceVocabulary: number;
  vocabulary: number;
  steps: number;
  learningRate: number;
  cases: {
    name: string;
    stack: Pick<Stack, 'embedding' | 'encoder' | 'layers' | 'attention' | 'bridge'>;
    source: number[][];
    tokens: number[][];
    targets: number[][];
    losses: number[];
    /** By row, token after token. */
    probabilities: number[][];
    /** By row, token after token and head after head. */
    weights?: number[][];
    parameters: Record<
      string,
      { shape: number[]; initial: number[]; gradient: number[]; trained: number[] }
    >;
  }[];
}

/** What PyTorch computed (scripts/pytorch_translation.py). */
const { cases, ...file } = JSON.parse(
  readFileSync(new URL('../fixtures/pytorch/translation.json', import.meta.url), 'utf8'),
) as File;
/* float32 rounds by 6e-8, through some twenty steps; a wrong term shows as 1e-2. The file has ten digits. */
const tolerance = { native: 5e-5, wasm: 5e-5, reference: 1e-7 };

onEachBackend('agrees with PyTorch', (name) => {
  it.each(cases)(
    'on encoder and decoder, $name: outputs, weights, gradients, and losses and weights after steps',
    async ({ stack, source, tokens, targets, parameters, ...expected }) => {
      const shape = describeStack({
        ...{ ...stack, vocabulary: file.vocabulary, outputs: file.vocabulary },
        ...{ dropout: 0, predicts: 'token', carries: false },
      });
      const batch = rawBatch(tokens, [], targets, [], source);
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
      const layout = engine.layout(0);
      tokens.forEach((row, number) => {
        const place = layout.rowSource.indexOf(number);
        const places = layout.tokenPlaces.subarray(...layout.rowStart.subarray(place, place + 2));
        const found = [...places].flatMap((at) => {
          const probabilities = new Float32Array(file.vocabulary);
          engine.probabilities(at, probabilities);
          return [...probabilities];
        });
        const error = relativeError(found, expected.probabilities[number]!);
        expect(error, `row ${number}`).toBeLessThan(tolerance[name]);
        expect(places.length).toBe(row.length);
        if (!expected.weights) return;
        const weights = [...places].flatMap((at) =>
          Array.from({ length: stack.attention!.heads }, (_, head) => [
            ...engine.attention(at, head, new Float32Array(source[number]!.length)),
          ]).flat(),
        );
        expect(relativeError(weights, expected.weights[number]!)).toBeLessThan(tolerance[name]);
      });
      for (let step = 0; step < file.steps; step++) {
        engine.load(step % 2, batch);
        const settings = { learningRate: file.learningRate, clipNorm: null };
        const result = await engine.trainStep(step % 2, step + 1, settings);
        expect(result.lossSum / result.targets).toBeCloseTo(expected.losses[step]!, 4);
        if (step > 0) continue;
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
