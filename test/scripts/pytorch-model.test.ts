import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { chooseBackend } from '../../src/backend/select.js';
import { writeSafetensors } from '../../src/checkpoint/safetensors.js';
import { describeStack } from '../../src/model/stack.js';
import { packageFile } from '../../src/package-root.js';
import { createEngine, rawBatch, relativeError } from '../parity/fixture.js';

const folder = mkdtempSync(join(tmpdir(), 'lockstep-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

/** Prints log-probabilities of the next token behind each one of a row, and whether embedding and head have one weight. */
const PROGRAM = `
import json, sys
sys.path.insert(0, sys.argv[1])
import torch
from pytorch_model import Model, read_safetensors
weights = read_safetensors(sys.argv[2])
model = Model.of_weights(weights)
tokens = torch.tensor(json.loads(sys.argv[3])).unsqueeze(1)
logits, _ = model.continue_text(tokens)
print(json.dumps({
    "isTied": model.head.weight is model.embedding.weight,
    "names": sorted(model.weights()) == sorted(weights),
    "probabilities": torch.softmax(logits.squeeze(1), 1).tolist(),
}))
`;
const python = process.env['PYTHON'] ?? 'python3';
const hasTorch = spawnSync(python, ['-c', 'import torch']).status === 0;

describe('scripts/pytorch_model.py', () => {
  const promise = 'has PyTorch compute what a model of tied embeddings does';
  if (!hasTorch) {
    it.skip(`${promise}: ${python} has no PyTorch here`, () => undefined);
    return;
  }

  it(promise, async () => {
    const vocabulary = 9;
    const shape = describeStack({
      ...{ vocabulary, embedding: { width: 6, tied: true }, outputs: vocabulary, dropout: 0 },
      ...{ layers: [{ kind: 'lstm', hiddenSize: 6 }], predicts: 'token' },
    });
    const tokens = [1, 4, 4, 0, 8, 2];
    const batch = rawBatch([tokens], [], [tokens]);
    const engine = createEngine(shape, [batch], { backend: chooseBackend('auto').kind });
    await engine.initialize(5);
    engine.clearState(0);
    engine.load(0, batch);
    await engine.trainStep(0, 1, { learningRate: 0.1, clipNorm: null });
    const file = join(folder, 'model.safetensors');
    await writeSafetensors(
      file,
      engine.plan.parameters.map(({ name, shape: own }) => ({
        ...{ name, shape: [...own], data: Float32Array.from(engine.parameter(name)) },
      })),
    );
    const scripts = packageFile('scripts');
    const given = ['-c', PROGRAM, scripts, file, JSON.stringify(tokens)];
    const found = JSON.parse(execFileSync(python, given, { encoding: 'utf8' })) as {
      isTied: boolean;
      names: boolean;
      probabilities: number[][];
    };
    expect(found).toMatchObject({ isTied: true, names: true });
    engine.clearState(0);
    engine.load(0, batch);
    await engine.predict(0);
    const { tokenPlaces } = engine.layout(0);
    found.probabilities.forEach((expected, t) => {
      const actual = new Float32Array(vocabulary);
      engine.probabilities(tokenPlaces[t]!, actual);
      expect(relativeError(actual, expected)).toBeLessThan(1e-5);
    });
  });
});
