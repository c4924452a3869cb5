import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { z } from 'zod';
import { layerKind } from '../../src/model/layers/registry.js';
import type { LayerDescription } from '../../src/model/graph/shape.js';
import {
  createEngine,
  gradientOf,
  onEachBackend,
  rawBatch,
  relativeError,
  setParameters,
} from './fixture.js';

/** What other programs computed in float64 (scripts/pytorch_layers.py, scripts/onnx_gru.py). */
interface LayersCase {
  vocabulary: number;
  layers: LayerDescription[];
  tokens: number[][];
  labels: number[];
  loss: number;
  parameters: Record<string, number[]>;
  gradients: Record<string, number[]>;
}

const folder = fileURLToPath(new URL('../fixtures/layers/', import.meta.url));
const cases = readdirSync(folder).map((file) => ({
  name: path.basename(file, '.json'),
  given: JSON.parse(readFileSync(path.join(folder, file), 'utf8')) as LayersCase,
}));

/* As in pytorch.test.ts: roundings of float32 leave some 1e-6, a wrong term 1e-2 or more. */
const tolerance = { native: 2e-5, wasm: 2e-5, reference: 1e-9 };

onEachBackend('agrees with PyTorch and ONNX', (name) => {
  it.each(cases)('in loss and every gradient of $name', async ({ given }) => {
    const batch = rawBatch(given.tokens, given.labels);
    const shape = {
      vocabulary: given.vocabulary,
      layers: given.layers.map((layer) => ({
        ...layer,
        options: layerKind(layer.kind).options(z).parse(layer.options),
      })),
      ...{ loss: { kind: 'softmax', options: {} }, carries: false },
    };
    const engine = createEngine(shape, [batch], { backend: name, parts: 2 });
    await setParameters(
      engine,
      new Map(
        Object.entries(given.parameters).map(([key, values]) => [key, Float32Array.from(values)]),
      ),
    );
    engine.load(0, batch);
    const result = await engine.trainStep(0, 1, { learningRate: 0, clipNorm: null });
    expect(result.lossSum / result.targets).toBeCloseTo(given.loss, 5);
    for (const [key, values] of Object.entries(given.gradients)) {
      expect(relativeError(gradientOf(engine, key, 0), values), key).toBeLessThan(tolerance[name]);
    }
    const size = Math.hypot(...Object.values(given.gradients).flat());
    expect(result.gradNorm / size).toBeCloseTo(1, 5);
    expect(engine.plan.parameters.map((parameter) => parameter.name).toSorted()).toEqual(
      Object.keys(given.gradients).toSorted(),
    );
  });
});
