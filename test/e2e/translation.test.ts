import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readTensors, start, succeed } from './cli.js';

/** Numbers in words, and what is said of them in another language: digits, the other way round. */
const words = ['null', 'eins', 'zwei', 'drei', 'vier', 'fuenf'];

function makePairs(count: number, seed: number): [source: string, target: string][] {
  return Array.from({ length: count }, (_, i) => {
    const digits = Array.from({ length: 1 + ((i * 5 + seed) % 6) }, (_, k) => {
      return (i * (k + 3) + k * k + seed * (k + 1)) % words.length;
    });
    return [digits.map((digit) => words[digit]!).join(' '), digits.toReversed().join(' ')];
  });
}

const config = `task: translate
data:
  train: { source: train.de, target: train.en }
  validation: { source: valid.de, target: valid.en }
  tokenizer: { kind: word, minCount: 1, filters: '' }
  sourceTokenizer: { kind: char }
model:
  embedding: 12
  encoder: { embedding: 8, layers: [{ cell: lstm, hiddenSize: 12, direction: both }] }
  layers: [{ cell: lstm, hiddenSize: 16 }]
  dropout: 0.1
train:
  batchTokens: 300
  bucketBatches: 4
  epochs: 2
  shards: 4
  optimizer: { learningRate: 0.02 }
  checkpoint: { everySteps: 7 }
`;

const cwd = mkdtempSync(join(tmpdir(), 'lockstep-test-'));
afterAll(() => rmSync(cwd, { recursive: true }));
beforeAll(() => {
  for (const [name, pairs] of Object.entries({
    train: makePairs(300, 1),
    valid: makePairs(40, 4),
  })) {
    [...'de,en'.split(',')].forEach((language, side) => {
      const lines = pairs.map((pair) => `${pair[side]!}\n`);
      writeFileSync(join(cwd, `${name}.${language}`), lines.join(''));
    });
  }
  writeFileSync(join(cwd, 'numbers.yaml'), config);
});

const argsOf = (run: string, ...more: string[]): string[] => [
  ...['train', '--config', 'numbers.yaml', '--run-dir', `runs/${run}`],
  ...more,
];
const latest = (run: string): string =>
  readFileSync(join(cwd, 'runs', run, 'latest'), 'utf8').trim();
const tensors = (run: string) => readTensors(join(cwd, 'runs', run), latest(run));

test('pairs are learned to the same bits on any number of workers, in one go, resumed in mid-epoch, or killed', async () => {
  const { stderr, stdout } = await succeed(cwd, argsOf('1', '--workers', '1'));
  expect(stderr).toMatch(
    /Evaluation after step \d+: validation loss \d\.\d+, accuracy [\d.]+ %, perplexity/,
  );
  expect(stdout).toMatch(/Best validation loss [\d.]+/);
  for (const workers of ['3', '7']) {
    await succeed(cwd, argsOf(workers, '--workers', workers));
  }
  await succeed(cwd, argsOf('cut', '--workers', '2', '--set', 'train.maxSteps=17'));
  expect(latest('cut')).toBe('step-00000017');
  await succeed(cwd, argsOf('cut', '--workers', '3', '--resume'));
  const killed = start(cwd, argsOf('killed', '--workers', '2'));
  for (let i = 0; i < 600 && !/step-0000000[78]/.test(killed.stderr()); i++) {
    await sleep(10);
    try {
      if (latest('killed') >= 'step-00000007') break;
    } catch {
      // Not yet.
    }
  }
  killed.child.kill('SIGKILL');
  await killed.ended;
  await succeed(cwd, argsOf('killed', '--workers', '2', '--resume'));
  const alone = tensors('1');
  for (const run of ['3', '7', 'cut', 'killed']) {
    expect([run, latest(run)]).toEqual([run, latest('1')]);
    expect(tensors(run).model.equals(alone.model)).toBe(true);
    expect(tensors(run).optimizer.equals(alone.optimizer)).toBe(true);
  }
});

test('what was learned is measured on pairs of files as on the split, and inspected', async () => {
  const measured = await succeed(cwd, ['evaluate', 'runs/1', '--json']);
  const result = JSON.parse(measured.stdout) as Record<string, number>;
  expect(result['perplexity']).toBeCloseTo(Math.exp(result['loss']!), 6);
  expect(result['accuracy']).toBeGreaterThan(0.3);
  // Every token of the targets, and the end of each.
  const targets = makePairs(40, 4).map(([, target]) => target.split(' ').length + 1);
  expect(result['targets']).toBe(targets.reduce((sum, each) => sum + each, 0));
  const files = ['--data', 'valid.de', '--target', 'valid.en', '--json'];
  const again = JSON.parse((await succeed(cwd, ['evaluate', 'runs/1', ...files])).stdout) as object;
  expect(again).toMatchObject({ loss: result['loss'], accuracy: result['accuracy'] });
  const shown = await succeed(cwd, ['inspect', 'runs/1']);
  expect(shown.stdout).toMatch(/^encoder\.embedding/m);
});
