import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { lockstep } from './cli.js';

/** Sentences whose tags follow from their words and, for the second name of a person, from the tag before. */
function makeSentences(count: number): string {
  const names = ['anna', 'otto', 'mia', 'carl'];
  const places = ['rome', 'oslo', 'lima'];
  const sentence = (i: number): [string, string][] => [
    [names[i % 4]!, 'B-PER'],
    ...(i % 3 === 0 ? [[names[(i * 5 + 1) % 4]!, 'I-PER'] as [string, string]] : []),
    ['went', 'O'],
    ['to', 'O'],
    [places[i % 3]!, 'B-LOC'],
    ...(i % 2 === 0 ? [['.', 'O'] as [string, string]] : []),
  ];
  return Array.from({ length: count }, (_, i) =>
    sentence(i)
      .map(([word, tag]) => `${word} x ${tag}\n`)
      .join(''),
  ).join('\n');
}

const cwd = mkdtempSync(join(tmpdir(), 'lockstep-test-'));
afterAll(() => rmSync(cwd, { recursive: true }));

const config = (loss: string, features: string) => `task: tag
data:
  train: [train.txt]
  validation: [valid.conll]
  tokenizer: { kind: word, minCount: 1 }
model: { embedding: 8, features: ${features}, layers: [{ cell: lstm, hiddenSize: 8, direction: both }] }
train: { batchSize: 8, epochs: 12, bestBy: f1, loss: { kind: ${loss} }, optimizer: { learningRate: 0.03 } }
`;

beforeAll(() => {
  writeFileSync(join(cwd, 'train.txt'), makeSentences(60));
  writeFileSync(join(cwd, 'valid.conll'), makeSentences(13));
});

function readModel(run: string): string {
  const checkpoints = join(cwd, run, 'checkpoints');
  const last = readdirSync(checkpoints).sort().at(-1)!;
  const files = ['model.safetensors', 'optimizer.safetensors'];
  return files.map((file) => readFileSync(join(checkpoints, last, file), 'latin1')).join('');
}

test.each([
  ['softmax', '[]'],
  [
    'crf',
    '[{ kind: letters, width: 5 }, { kind: suffix, length: 2 }, { kind: letters, read: lstm, width: 6 }]',
  ],
])(
  'a tagger trains to the same bits on any number of workers, is measured by entities and tags files: %s, features %s',
  async (loss, features) => {
    writeFileSync(join(cwd, `${loss}.yaml`), config(loss, features));
    const models = [];
    for (const workers of ['1', '3']) {
      const run = `runs/${loss}-${workers}`;
      const args = ['train', '--config', `${loss}.yaml`, '--run-dir', run, '--workers', workers];
      const { status, stderr } = await lockstep(cwd, args);
      expect(stderr).toContain('Tokens to train on by tag: B-LOC 60');
      expect(status, stderr).toBe(0);
      models.push(readModel(run));
    }
    expect(models[1]).toBe(models[0]);

    const run = `runs/${loss}-3`;
    const measured = await lockstep(cwd, ['evaluate', run, '--json', '--workers', '1']);
    const result = JSON.parse(measured.stdout) as Record<string, number>;
    expect(result).toMatchObject({ f1: 1, precision: 1, recall: 1, accuracy: 1 });
    expect(result['loss']).toBeGreaterThan(0);
    const table = await lockstep(cwd, ['evaluate', run, '--data', 'train.txt', '--workers', '1']);
    expect(table.stdout).toContain(' (best by validation F1) on train.txt: ');
    expect(table.stdout).toMatch(/entities: precision 100.0 % {2}recall 100.0 % {2}F1 100.0 %/);

    const input = '-DOCSTART-\n\nanna\nmia\nwent\n\nto\tx\noslo\tx\n';
    writeFileSync(join(cwd, 'input.conll'), input);
    const tagged = await lockstep(cwd, ['predict', run, 'input.conll', '--workers', '1']);
    expect(tagged.stdout).toBe(
      '-DOCSTART-\n\nanna B-PER\nmia I-PER\nwent O\n\nto\tx\tO\noslo\tx\tB-LOC\n\n',
    );
    writeFileSync(join(cwd, 'input.jsonl'), '{"id":7,"tokens":["otto","went"]}\n');
    const objects = await lockstep(cwd, ['predict', run, 'input.jsonl', '--workers', '1']);
    expect(objects.stdout).toBe('{"id":7,"tokens":["otto","went"],"predicted":["B-PER","O"]}\n');
  },
);

test('a tagger reads further columns in training, evaluation and prediction alike, and goes on with the same features alone', async () => {
  // The word says nothing of the tag.
  const sentences = (count: number): string =>
    Array.from({ length: count }, (_, i) =>
      Array.from({ length: 3 + (i % 3) }, (__, t) => {
        const noun = (i * 7 + t * 5) % 3 === 0;
        return `w${(i + t) % 5} ${noun ? 'NN' : 'VB'} ${noun ? 'B-NP' : 'O'}\n`;
      }).join(''),
    ).join('\n');
  writeFileSync(join(cwd, 'columns.txt'), sentences(60));
  writeFileSync(join(cwd, 'held.conll'), sentences(20).replaceAll(/w\d/g, 'new'));
  const settings = [
    ...['--set', 'data.train=columns.txt', '--set', 'data.validation=held.conll'],
    ...['--set', 'model.features=[{kind: column, column: 2, width: 4}]'],
  ];
  const run = 'runs/columns';
  const args = ['--config', 'crf.yaml', '--run-dir', run, '--workers', '1'];
  const trained = await lockstep(cwd, ['train', ...args, ...settings]);
  expect(trained.status, trained.stderr).toBe(0);

  const measured = await lockstep(cwd, ['evaluate', run, '--data', 'held.conll', '--json']);
  expect(JSON.parse(measured.stdout)).toMatchObject({ f1: 1, accuracy: 1 });
  const predicted = await lockstep(cwd, ['predict', run, 'held.conll']);
  expect(predicted.stderr).toContain('Accuracy 100.0 %');
  const summary = /^Best validation F1 100.0 % \(loss [\d.]+, accuracy [\d.]+ %\) after step/m;
  expect(trained.stdout).toMatch(summary);
  // Parts of speech are no entities.
  const plain = ['data.label=2', 'model.features=[]'].flatMap((set) => ['--set', set]);
  const other = [...args.slice(0, 3), 'runs/plain', ...settings.slice(0, 4), ...plain];
  const refused = await lockstep(cwd, ['train', ...other]);
  expect(refused.stderr).toContain(
    'train.bestBy: expected "loss" or "accuracy" for a tagger of the tags that the data has, got "f1"',
  );
  expect(refused.status).not.toBe(0);
  writeFileSync(join(cwd, 'untagged.conll'), 'new NN\nold VB\n');
  const untagged = await lockstep(cwd, ['predict', run, 'untagged.conll']);
  expect(untagged.stdout).toBe('new NN B-NP\nold VB O\n\n');
  writeFileSync(join(cwd, 'words.conll'), 'new\n');
  const words = await lockstep(cwd, ['predict', run, 'words.conll']);
  expect(words.stderr).toContain(
    'words.conll, line 1: expected at least 2 columns, since model.features names column 2, found 1.',
  );
  expect(words.status).not.toBe(0);

  const changed = [...settings.slice(0, 4), '--set', 'model.features=[{kind: shape}]'];
  const resumed = await lockstep(cwd, ['train', ...args, ...changed, '--resume']);
  expect(resumed.stderr).toContain('model.features');
  expect(resumed.status).not.toBe(0);
});
