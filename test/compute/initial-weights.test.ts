import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { train } from '../../src/train/run.js';

const folder = mkdtempSync(path.join(tmpdir(), 'lockstep-test-'));
afterAll(() => rmSync(folder, { recursive: true }));
const text = path.join(folder, 'text.txt');
writeFileSync(text, 'the whale swims and the sea is wide. '.repeat(60));

async function run(name: string, maxSteps: number, resume: boolean): Promise<string> {
  const config = parseConfig(
    `
task: language-model
data: { train: ${text}, storeDir: ${folder}/stores, tokenizer: { kind: char } }
model: { embedding: 8, layers: [{ hiddenSize: 16 }] }
train: { batchSize: 4, sequenceLength: 16, maxSteps: ${maxSteps}, shards: 2 }
workers: 1
`,
    'test.yaml',
  );
  const runDir = path.join(folder, name);
  const end = await train(config, { runDir, resume, listener: () => undefined });
  expect(end.step).toBe(maxSteps);
  return end.checkpoint;
}

function weights(checkpoint: string): Buffer {
  return readFileSync(path.join(checkpoint, 'model.safetensors'));
}

test('a run of no steps leaves the initial weights, and goes on from them to the same bits', async () => {
  const initial = await run('a', 0, false);
  expect(path.basename(initial)).toBe('step-00000000');
  const first = weights(initial);
  expect(first.equals(weights(await run('b', 0, false)))).toBe(true);
  const resumed = weights(await run('a', 3, true));
  expect(resumed.equals(first)).toBe(false);
  expect(resumed.equals(weights(await run('c', 3, false)))).toBe(true);
});
