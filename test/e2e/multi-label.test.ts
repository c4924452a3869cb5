import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { lockstep, readTensors, succeed } from './cli.js';

/** Shopping lists with the shops that they lead to: as many labels as a word has bits, and more; some lists lead to none. */
const goods = Array.from({ length: 36 }, (_, i) => `good${i}`);

function makeLists(count: number, seed: number): { text: string; shops: string }[] {
  let state = seed;
  const dice = (below: number): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  return Array.from({ length: count }, () => {
    const list = Array.from({ length: dice(4) }, () => dice(goods.length));
    const bought = Array.from(new Set(list));
    const text = [...bought.map((each) => goods[each]), 'water'].join(' ');
    return { text, shops: bought.map((each) => `shop ${each}`).join(' | ') };
  });
}

const toCsv = (lists: ReturnType<typeof makeLists>): string =>
  `text,shops\n${lists.map(({ text, shops }) => `${text},${shops}\n`).join('')}`;

const config = `task: multi-label
data: { train: train.csv, validation: [valid.csv], label: shops, tokenizer: { kind: word, minCount: 1 } }
model: { embedding: 24, layers: [{ cell: gru, hiddenSize: 32 }], pooling: max }
train: { batchSize: 20, epochs: 9, shards: 4, loss: { positiveWeights: { shop 3: 2.5 } }, optimizer: { learningRate: 0.05 } }
`;

const cwd = mkdtempSync(join(tmpdir(), 'lockstep-test-'));
afterAll(() => rmSync(cwd, { recursive: true }));
const valid = makeLists(40, 7);
beforeAll(() => {
  writeFileSync(join(cwd, 'train.csv'), toCsv(makeLists(400, 1)));
  writeFileSync(join(cwd, 'valid.csv'), toCsv(valid));
  writeFileSync(join(cwd, 'shops.yaml'), config);
});

const step = 'step-00000180';

test('labels are learned to the same bits on any number of workers, in one go or resumed', async () => {
  const train = (run: string, ...more: string[]) =>
    succeed(cwd, ['train', '--config', 'shops.yaml', '--run-dir', `runs/${run}`, ...more]);
  const { stderr } = await train('1', '--workers', '1');
  expect(stderr).toMatch(/Rows to train on by label: shop 0 [\d,]+ \([\d.]+ %\), .* and 24 more/);
  expect(stderr).toMatch(
    /Evaluation after step 20: validation loss \d\.\d+, accuracy [\d.]+ %, F1 /,
  );
  await train('cut', '--workers', '3', '--set', 'train.maxSteps=70');
  await train('cut', '--workers', '2', '--resume');
  const alone = readTensors(join(cwd, 'runs/1'), step);
  const other = readTensors(join(cwd, 'runs/cut'), step);
  expect(other.model.equals(alone.model)).toBe(true);
  expect(other.optimizer.equals(alone.optimizer)).toBe(true);
  const state = readFileSync(join(cwd, 'runs/1/checkpoints', step, 'state.json'), 'utf8');
  const { classWeights } = JSON.parse(state) as { classWeights: number[] };
  expect(classWeights.toSorted()).toEqual([...new Array<number>(35).fill(1), 2.5]);
});

test('what was learned is measured, told in the place of each row, and compared', async () => {
  const run = 'runs/1';
  const measured = await succeed(cwd, ['evaluate', run, '--json']);
  const result = JSON.parse(measured.stdout) as {
    accuracy: number;
    f1: number;
    macro: { f1: number };
    labels: Record<string, { f1: number; support: number }>;
    classes: string[];
  };
  expect(result.f1).toBeGreaterThan(0.5);
  expect(Object.keys(result.labels)).toEqual(result.classes);
  const table = await succeed(cwd, ['evaluate', run, '--data', 'valid.csv']);
  expect(table.stdout).toMatch(
    /40 rows\nloss \d\.\d+ {2}exact match [\d.]+ %\nlabels: precision .* F1 .*\nmeans over the labels: .*\n\nlabel /,
  );

  const told = await succeed(cwd, ['predict', run, 'valid.csv', '--out', 'out.csv']);
  const rows = readFileSync(join(cwd, 'out.csv'), 'utf8').trim().split('\n');
  expect(rows[0]).toBe(
    `text,shops,predicted,${result.classes.map((name) => `probability_${name}`).join(',')}`,
  );
  const answers = rows.slice(1).map((row) => {
    const [, shops, predicted, ...probabilities] = row.split(',');
    return { shops: shops!, predicted: predicted!, probabilities: probabilities.map(Number) };
  });
  const setOf = (cell: string) =>
    cell
      .split('|')
      .map((label) => label.trim())
      .sort()
      .join();
  for (const { predicted, probabilities } of answers) {
    const likely = result.classes.filter((_, label) => probabilities[label]! >= 0.5);
    expect(predicted).toBe(likely.join('|'));
  }
  const right = answers.filter(({ shops, predicted }) => setOf(shops) === setOf(predicted)).length;
  expect(right / 40).toBe(result.accuracy);
  expect(answers.some(({ predicted }) => predicted === '')).toBe(true);
  expect(told.stderr).toContain(
    `Exact match ${((100 * right) / 40).toFixed(1)} %, F1 of the labels ${(100 * result.f1).toFixed(1)} %: all labels of ${right} of 40 rows with known labels`,
  );
  // A file of its own may be replaced.
  await succeed(cwd, ['predict', run, 'valid.csv', '--out', 'out.csv']);

  writeFileSync(
    join(cwd, 'new.jsonl'),
    '{"text":"good3 good4","shops":["shop 3","bakery"]}\n{"text":"good3"}\n',
  );
  const object = await succeed(cwd, ['predict', run, 'new.jsonl', '--to', 'jsonl']);
  expect(object.stdout).toMatch(
    /^\{"text":"good3 good4","shops":\["shop 3","bakery"\],"predicted":"[^"]*","probabilities":\{"shop 0":/,
  );
  expect(object.stderr).toContain(
    '1 row with a label that the model does not know; the first is new.jsonl, line 1: "bakery"',
  );
  const { openModel } = await import('../../src/index.js');
  const model = await openModel(join(cwd, run), { workers: 1 });
  const [first] = await model.classify([valid[0]!.text]);
  await model.close();
  expect(Array.from(first!, (value) => Number(value.toPrecision(7)))).toEqual(
    answers[0]!.probabilities,
  );
});

test('other weights of labels, and weights of labels that there are not, are refused', async () => {
  const command = ['train', '--config', 'shops.yaml', '--run-dir', 'runs/cut', '--resume', '--set'];
  const other = await lockstep(cwd, [...command, 'train.loss.positiveWeights=null']);
  expect(other.status).toBe(1);
  expect(other.stderr).toContain('train.loss.positiveWeights');
  const fresh = ['train', '--config', 'shops.yaml', '--run-dir', 'runs/new', '--set'];
  const unknown = await lockstep(cwd, [...fresh, 'train.loss.positiveWeights={ shop 77: 2 }']);
  expect(unknown.stderr).toContain(
    'train.loss.positiveWeights: the training rows have no label "shop 77"; did you mean',
  );
});
