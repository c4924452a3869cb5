import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { lockstep, readTensors, succeed } from './cli.js';

/** Baskets with their prices, far from what a network says of itself: 1000 and something. */
const prices = { bread: 3, milk: 1.5, salt: 0.5, wine: 12, cheese: 7.25, rice: 2 };
const goods = Object.keys(prices) as (keyof typeof prices)[];

function makeBaskets(count: number, seed: number): { text: string; price: number }[] {
  return Array.from({ length: count }, (_, i) => {
    const basket = Array.from(
      { length: 2 + ((i * 7 + seed) % 4) },
      (_, k) => goods[(i * (k + 3) + k * k + seed) % goods.length]!,
    );
    return {
      text: basket.join(' '),
      price: basket.reduce((sum, each) => sum + prices[each], 1000),
    };
  });
}

const toCsv = (baskets: ReturnType<typeof makeBaskets>): string =>
  `text,price\n${baskets.map(({ text, price }) => `${text},${price}\n`).join('')}`;

const config = (loss: string) => `task: regress
data: { train: train.csv, validation: [valid.csv], label: price, tokenizer: { kind: word, minCount: 1 } }
model: { embedding: 8, layers: [{ cell: gru, hiddenSize: 12 }] }
train: { batchSize: 10, epochs: 10, shards: 4, loss: { kind: ${loss} }, optimizer: { learningRate: 0.02 } }
`;

const cwd = mkdtempSync(join(tmpdir(), 'lockstep-test-'));
afterAll(() => rmSync(cwd, { recursive: true }));
const valid = makeBaskets(30, 5);
beforeAll(() => {
  writeFileSync(join(cwd, 'train.csv'), toCsv(makeBaskets(120, 1)));
  writeFileSync(join(cwd, 'valid.csv'), toCsv(valid));
  for (const loss of ['squared', 'absolute']) {
    writeFileSync(join(cwd, `${loss}.yaml`), config(loss));
  }
});

const tensors = (run: string) => readTensors(join(cwd, run), 'step-00000120');

function linesOf(run: string, type: string): Record<string, unknown>[] {
  const lines = readFileSync(join(cwd, run, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n');
  return lines
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter((line) => line['type'] === type);
}

test.each(['squared', 'absolute'])(
  'numbers are learned to the same bits on any number of workers, in one go or resumed: %s',
  async (loss) => {
    const train = (run: string, ...more: string[]) =>
      succeed(cwd, [
        'train',
        '--config',
        `${loss}.yaml`,
        '--run-dir',
        `runs/${loss}${run}`,
        ...more,
      ]);
    const { stderr, stdout } = await train('1', '--workers', '1');
    expect(stderr).toMatch(/Numbers to train on: mean 1,01\d, standard deviation \d/);
    expect(stderr).toMatch(/Evaluation after step 12: validation loss \d\.\d+, RMSE [\d.]+, R² /);
    expect(stdout).toMatch(/Best validation loss [\d.]+ \(RMSE [\d.]+\) after step/);
    await train('3', '--workers', '3');
    await train('cut', '--workers', '2', '--set', 'train.maxSteps=50');
    await train('cut', '--workers', '2', '--resume');
    const alone = tensors(`runs/${loss}1`);
    for (const other of ['3', 'cut'].map((run) => tensors(`runs/${loss}${run}`))) {
      expect(other.model.equals(alone.model)).toBe(true);
      expect(other.optimizer.equals(alone.optimizer)).toBe(true);
    }
  },
);

test('a resume with other data says what has to stay the same of numbers', async () => {
  const args = ['train', '--config', 'squared.yaml', '--run-dir', 'runs/squared1', '--resume'];
  const { stderr } = await lockstep(cwd, [...args, '--set', 'data.maxLength=7']);
  expect(stderr).toContain(
    'or add --override to go on with the changed one, if vocabulary, and mean and deviation of the numbers, stay the same\n',
  );
});

test('what was learned is measured, told and inspected in the unit of the numbers', async () => {
  const run = 'runs/squared1';
  const measured = await succeed(cwd, ['evaluate', run, '--json']);
  const result = JSON.parse(measured.stdout) as Record<string, number>;
  expect(result['r2']).toBeGreaterThan(0.8);
  expect(result['rmse']! ** 2).toBeCloseTo(result['mse']!, 9);
  expect(result).not.toHaveProperty('accuracy');
  const best = linesOf(run, 'evaluation').findLast((line) => line['best'] === true)!;
  expect([best['loss'], best['mse'], best['r2']]).toEqual([
    result['loss'],
    result['mse'],
    result['r2'],
  ]);
  expect(linesOf(run, 'step')[0]).toMatchObject({ mse: expect.any(Number) as number });
  const table = await succeed(cwd, ['evaluate', run, '--data', 'valid.csv']);
  const figures = ['MSE', 'RMSE', 'MAE', 'R²'].map((name) => `${name} [\\d.]+`);
  expect(table.stdout).toMatch(new RegExp(`30 rows\nloss 0\\.\\d+ {2}${figures.join(' {2}')}\n`));
  const shown = await succeed(cwd, ['inspect', run]);
  expect(shown.stdout).toMatch(/best +validation loss 0\.\d+ \(RMSE [\d.]+\) after step/);

  const out = join(cwd, 'out.csv');
  const told = await succeed(cwd, ['predict', run, 'valid.csv', '--out', 'out.csv']);
  expect(told.stderr).toMatch(/RMSE [\d.]+, mean absolute error [\d.]+: 30 rows with a known num/);
  const rows = readFileSync(out, 'utf8').trim().split('\n');
  expect(rows[0]).toBe('text,price,predicted');
  const errors = rows.slice(1).map((row) => Number(row.split(',')[2]) - Number(row.split(',')[1]));
  const mse = errors.reduce((sum, error) => sum + error ** 2, 0) / errors.length;
  expect(mse / result['mse']!).toBeCloseTo(1, 3);
  const object = await succeed(cwd, ['predict', run, 'valid.csv', '--to', 'jsonl']);
  expect(object.stdout.split('\n')[0]).toBe(
    `{"text":"${valid[0]!.text}","price":"${valid[0]!.price}","predicted":${rows[1]!.split(',')[2]}}`,
  );
  const { openModel } = await import('../../src/index.js');
  const model = await openModel(join(cwd, run), { workers: 1 });
  const [first] = await model.regress([valid[0]!.text]);
  await expect(model.classify(['bread'])).rejects.toThrow(
    'is a model of numbers: it tells numbers',
  );
  await model.close();
  expect(Number(first!.toPrecision(7))).toBe(Number(rows[1]!.split(',')[2]));
});

test('another loss, and other numbers, are refused on resume and change nothing', async () => {
  const resume = ['train', '--config', 'squared.yaml', '--run-dir', 'runs/squared3', '--resume'];
  const loss = await lockstep(cwd, [...resume, '--set', 'train.loss.kind=absolute']);
  expect(loss.status).toBe(1);
  expect(loss.stderr).toContain('train.loss.kind');
  const before = readFileSync(join(cwd, 'train.csv'), 'utf8');
  writeFileSync(join(cwd, 'train.csv'), before.replace(/,10(\d)/, ',20$1'));
  const numbers = await lockstep(cwd, resume);
  expect(numbers.stderr).toContain('numbers of another mean and deviation');
  writeFileSync(join(cwd, 'train.csv'), before);
});

test('where validation has no R², none is the best by it, and no patience is lost', async () => {
  writeFileSync(join(cwd, 'alike.csv'), toCsv(valid.map((each) => ({ ...each, price: 1010 }))));
  const { stderr } = await succeed(cwd, [
    ...['train', '--config', 'squared.yaml', '--run-dir', 'runs/alike', '--set'],
    ...['data.validation=[alike.csv]', 'train.bestBy=r2', 'train.epochs=3'],
    'train.earlyStopping={patience: 1}',
  ]);
  expect(stderr.match(/have no R², by which train.bestBy/g)).toHaveLength(1);
  expect(linesOf('runs/alike', 'evaluation').map(({ best }) => best)).toEqual([
    false,
    false,
    false,
  ]);
});
