import { spawnSync } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { packageFile } from '../../src/package-root.js';
import {
  listCheckpoints,
  lockstep,
  loggedSteps,
  readLog,
  start,
  stepsTo,
  succeed,
  until,
} from './cli.js';
import { colourRows, makeWorkplace } from './corpus.js';

const cwd = makeWorkplace();
const train = (config: string, ...options: string[]) =>
  succeed(cwd, ['train', '--config', `${config}.yaml`, '--workers', '2', ...options]);

interface Prediction {
  text: string;
  predicted: string;
  probabilities: Record<string, number>;
}

describe('a classifier', () => {
  const run = join(cwd, 'runs/classifier');
  let trained: string;
  beforeAll(async () => {
    const checkpoints = ['train.maxSteps=100', 'train.checkpoint={everySteps: 15, keep: 2}'];
    ({ stdout: trained } = await train('classifier', '--set', ...checkpoints));
  });

  const predict = async (args: string[], input?: string) => {
    const { stdout } = await succeed(cwd, ['predict', run, ...args], input);
    return stdout.trimEnd().split('\n');
  };

  it('says how training ended and what to do next', () => {
    expect(trained).toMatch(/^Finished after step 100 in /);
    expect(trained).toContain('Checkpoint: runs/classifier/checkpoints/step-00000100\n');
    expect(trained).toContain('lockstep.js predict runs/classifier');
  });

  it('logs every step once, in order, then the end', () => {
    expect(loggedSteps(run)).toEqual(stepsTo(100));
    expect(readLog(run).at(-1)).toMatchObject({ type: 'end', reason: 'finished', step: 100 });
  });

  it('keeps the newest checkpoints and the best ones, and points to the latest and the best', () => {
    const evaluations = readLog(run).filter(({ type }) => type === 'evaluation') as unknown as {
      step: number;
      loss: number;
    }[];
    const lowest = evaluations.toSorted((a, b) => a.loss - b.loss)[0]!;
    expect(readLog(run).at(-1)?.best).toMatchObject({ step: lowest.step, loss: lowest.loss });
    const nameOf = (step: number) => `step-${String(step).padStart(8, '0')}`;
    expect(readFileSync(join(run, 'best'), 'utf8')).toBe(`${nameOf(lowest.step)}\n`);
    expect(readFileSync(join(run, 'latest'), 'utf8')).toBe(`${nameOf(100)}\n`);
    // Were the run to go on, the evaluation at its end would not have taken place: the best one before it is kept, too.
    const before = evaluations
      .filter(({ step }) => step < 100)
      .toSorted((a, b) => a.loss - b.loss)[0]!;
    const kept = new Set([lowest.step, before.step, 90, 100].map(nameOf));
    expect(listCheckpoints(run)).toEqual([...kept].sort());
  });

  it('is measured on the validation split and on files, with a table of its classes', async () => {
    const split = await succeed(cwd, ['evaluate', run, '--json', '--workers', '1']);
    const { loss, accuracy, confusion } = JSON.parse(split.stdout) as {
      loss: number;
      accuracy: number;
      confusion: number[][];
    };
    const logged = readLog(run).filter(({ type }) => type === 'evaluation');
    expect(logged).toContainEqual(expect.objectContaining({ loss, accuracy }));
    expect(confusion.flat().reduce((a, b) => a + b)).toBe(26);
    expect(accuracy).toBeGreaterThan(0.9);
    const { stdout } = await succeed(cwd, ['evaluate', run, '--data', 'colours.csv']);
    expect(stdout).toMatch(/^\S+ \(best by validation loss\) on colours\.csv: 200 rows\n/);
    expect(stdout).toMatch(
      /class +precision +recall +F1 +support\n[^]*blue .*\n *green .*\n *red /,
    );
  });

  it('predicts the same for rows of CSV, objects of JSONL and lines of standard input', async () => {
    const rows = colourRows();
    const { stdout, stderr } = await succeed(cwd, ['predict', run, 'colours.csv', '--to', 'jsonl']);
    const labelled = stdout.trimEnd().split('\n');
    const fromCsv = labelled.map((line, i) => line.replace(`"label":"${rows[i]!.label}",`, ''));
    expect(fromCsv).not.toEqual(labelled);
    writeFileSync(
      join(cwd, 'texts.jsonl'),
      rows.map(({ text }) => `${JSON.stringify({ text })}\n`).join(''),
    );
    expect(await predict(['texts.jsonl', '--to', 'jsonl'])).toEqual(fromCsv);
    const lines = rows.map(({ text }) => `${text}\n`).join('');
    expect(await predict(['--to', 'jsonl', '--workers', '3'], lines)).toEqual(fromCsv);

    const predictions = fromCsv.map((line) => JSON.parse(line) as Prediction);
    expect(predictions.map(({ text }) => text)).toEqual(rows.map(({ text }) => text));
    const right = predictions.filter(({ predicted }, i) => predicted === rows[i]!.label);
    expect(right.length / rows.length).toBeGreaterThan(0.9);
    expect(stderr).toContain(`${right.length} of ${rows.length} rows with a known label`);
    for (const { predicted, probabilities } of predictions) {
      expect(Object.keys(probabilities)).toEqual(['blue', 'green', 'red']);
      const values = Object.values(probabilities);
      expect(values.reduce((a, b) => a + b)).toBeCloseTo(1, 5);
      expect(probabilities[predicted]).toBe(Math.max(...values));
    }
  });

  it('reads standard input at its place among files', async () => {
    writeFileSync(join(cwd, 'first.txt'), 'sky\n');
    writeFileSync(join(cwd, 'last.txt'), 'moss\nrose\n');
    const files = ['first.txt', '-', 'last.txt', '--to', 'jsonl'];
    const answers = await predict(files, 'leaf\nsea\n');
    const texts = answers.map((line) => (JSON.parse(line) as Prediction).text);
    expect(texts).toEqual(['sky', 'leaf', 'sea', 'moss', 'rose']);
  });

  it.each([[], ['-'], ['./colours.csv', '-']])(
    'does not replace the file that standard input is taken from: %j',
    (...files) => {
      const rows = join(cwd, 'redirected.txt');
      writeFileSync(rows, 'red\nblue\n');
      const input = openSync(rows, 'r');
      const args = ['predict', run, ...files, '--out', rows, '--overwrite', '--to', 'csv'];
      const program = packageFile('bin/lockstep.js');
      const { stderr, status } = spawnSync(process.execPath, [program, ...args], {
        ...{ cwd, stdio: [input, 'pipe', 'pipe'], encoding: 'utf8' },
      });
      closeSync(input);
      expect([stderr, status]).toEqual([
        `--out: ${rows} is read as input, and would be lost: name another file\n`,
        1,
      ]);
      expect(readFileSync(rows, 'utf8')).toBe('red\nblue\n');
    },
  );

  it('predicts into a table for spreadsheets', async () => {
    const [header, ...rows] = await predict([], 'sky and sea\nfrog "and" moss, leaf\n');
    expect(header).toBe('text,predicted,probability_blue,probability_green,probability_red');
    expect(rows[0]).toMatch(/^sky and sea,blue,0\.\d+,/);
    expect(rows[1]).toMatch(/^"frog ""and"" moss, leaf",green,/);
  });
});

describe('a language model', () => {
  const run = join(cwd, 'runs/language-model');
  beforeAll(() => train('language-model', '--set', 'train.maxSteps=171'));
  const generate = async (...options: string[]) =>
    (await succeed(cwd, ['generate', run, '--length', '80', ...options])).stdout;

  it('is measured by its perplexity, like the log of its training says', async () => {
    const { stdout } = await succeed(cwd, ['evaluate', run, '--json']);
    const { loss, perplexity } = JSON.parse(stdout) as { loss: number; perplexity: number };
    const others = await succeed(cwd, ['evaluate', run, '--json', '--workers', '3']);
    expect(others.stdout).toBe(stdout);
    expect(perplexity).toBeCloseTo(Math.exp(loss), 10);
    const logged = readLog(run).filter(({ type }) => type === 'evaluation');
    expect(logged).toContainEqual(expect.objectContaining({ loss, perplexity }));
  });

  it('has every character of a text but the first as a target of its measure', async () => {
    // Three and two more than what 4 streams have alike.
    for (const length of [320, 323]) {
      const text = readFileSync(join(cwd, 'colours.txt'), 'utf8').slice(0, length - 1);
      writeFileSync(join(cwd, 'odd.txt'), `${text}\n`);
      const { stdout } = await succeed(cwd, ['evaluate', run, '--data', 'odd.txt', '--json']);
      expect(JSON.parse(stdout)).toMatchObject({ targets: length - 1 });
    }
  });

  it('writes the same text for the same seed, with any number of workers, and another for another', async () => {
    const text = await generate('--seed', '7', '--prompt', 'the sea', '--workers', '1');
    expect(text).toMatch(/^the sea/);
    expect(text.length).toBe('the sea'.length + 80 + 1);
    expect(await generate('--seed', '7', '--prompt', 'the sea', '--workers', '2')).toBe(text);
    expect(await generate('--seed', '8', '--prompt', 'the sea')).not.toBe(text);
    const { stderr } = await lockstep(cwd, ['generate', run, '--prompt', 'sea 7', '--length', '1']);
    expect(stderr).toBe(
      'The prompt has 1 character that the model does not know ("7"): it is read as unknown.\n',
    );
  });

  it('writes the likeliest text at temperature 0 and where it draws among one, which no seed changes', async () => {
    const text = await generate('--temperature', '0');
    expect(await generate('--top-k', '1')).toBe(text);
    // So small that powers of the probabilities themselves would all be 0.
    expect(await generate('--temperature', '0.0005', '--seed', '3')).toBe(text);
  });

  it('does not predict classes, nor does a classifier generate', async () => {
    const { status, stderr } = await lockstep(cwd, ['predict', run]);
    expect(status).toBe(1);
    expect(stderr).toBe(`${run}: expected a classifier, got a language model\n`);
  });
});

it('serves the live page, its figures and /metrics while a run goes on', async () => {
  const options = [
    '--metrics-port',
    '0',
    '--set',
    'train.maxSteps=220000',
    'train.epochs=10000',
    'name=served',
  ];
  const run = start(cwd, ['train', '--config', 'classifier.yaml', '--workers', '1', ...options]);
  const urlOf = () => /Live page at (http:\S+),/.exec(run.stderr())?.[1];
  await until(run, () => urlOf() !== undefined && loggedSteps(join(cwd, 'runs/served')).length > 3);
  const url = urlOf()!;
  const read = async (path: string) => (await fetch(new URL(path, url))).text();

  expect(new URL(url).hostname).toBe('127.0.0.1');
  expect(await read('/')).toMatch(/<!doctype html>/i);
  const metrics = await read('/metrics');
  expect(Number(/^lockstep_steps_total (\d+)$/m.exec(metrics)?.[1])).toBeGreaterThan(3);
  expect(metrics).toMatch(/^lockstep_train_loss \d/m);
  expect(JSON.parse(await read('/status.json'))).toMatchObject({
    state: 'training',
    run: { totalSteps: 220_000 },
  });
  run.child.kill('SIGTERM');
  expect((await run.ended).status).toBe(143);
});
