import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { UserError } from '../../src/errors.js';
import { RunDirectory } from '../../src/run/run-directory.js';
import { verifyCheckpoint } from '../../src/checkpoint/run-state.js';
import { makeWorkplace } from '../e2e/corpus.js';
import { noticesOf, readResult, trainSmall } from '../faults/small-run.js';

const cwd = makeWorkplace();
const dirOf = (name: string) => join(cwd, 'runs', name);

it('a resume takes harmless changes of the config, says so, and keeps them in the history', async () => {
  const runDir = dirOf('harmless');
  await trainSmall(cwd, 'classifier', { runDir, set: ['workers=2'] });
  const set = ['workers=1', 'train.maxSteps=50', 'train.checkpoint.everySteps=7'];
  const resumed = await trainSmall(cwd, 'classifier', { runDir, set, resume: true });
  expect(resumed.end).toMatchObject({ reason: 'finished', step: 50 });
  expect(noticesOf(resumed)[0]).toBe(
    'Changed since the last start: train.maxSteps: 40 → 50, train.checkpoint.everySteps: 10 → 7, workers: 2 → 1.',
  );
  const history = await new RunDirectory(runDir).readHistory();
  expect(history).toMatchObject([
    { fromStep: 0, workers: 2, changes: [], overridden: [] },
    { fromStep: 40, workers: 1, overridden: [] },
  ]);
  expect(history[1]!.changes).toContainEqual({ key: 'workers', from: 2, to: 1 });
  // A run of 50 steps from the start comes to the same.
  const whole = dirOf('harmless-whole');
  await trainSmall(cwd, 'classifier', { runDir: whole, set: ['train.maxSteps=50'] });
  expect(readResult(runDir)).toEqual(readResult(whole));
});

it('a resume refuses other changes by their names, overwrites nothing, and takes them when overridden', async () => {
  const runDir = dirOf('weighty');
  await trainSmall(cwd, 'classifier', { runDir });
  const before = readFileSync(join(runDir, 'config.yaml'), 'utf8');
  const set = ['train.optimizer.learningRate=0.5', 'train.seed=7', 'train.maxSteps=50'];
  const { error } = await trainSmall(cwd, 'classifier', { runDir, set, resume: true });
  expect(error).toEqual(
    new UserError(
      `${runDir} holds a run of another config (train.optimizer.learningRate: 0.01 → 0.5, train.seed: 1 → 7): ` +
        'use that config or another --run-dir, or add --override to go on with the changed one',
    ),
  );
  expect(readFileSync(join(runDir, 'config.yaml'), 'utf8')).toBe(before);
  const options = { runDir, set, resume: true, override: true };
  const overridden = await trainSmall(cwd, 'classifier', options);
  expect(overridden.end?.step).toBe(50);
  const [, start] = await new RunDirectory(runDir).readHistory();
  expect(start!.overridden).toEqual(['train.optimizer.learningRate', 'train.seed']);
});

it('a run that is stopped before the first step with a changed config goes on with it without another word', async () => {
  const runDir = dirOf('overridden-and-stopped');
  const regular = 'train.evaluateEverySteps=20';
  await trainSmall(cwd, 'classifier', { runDir, set: [regular] });
  const set = [regular, 'train.optimizer.learningRate=0.5', 'train.maxSteps=50'];
  const options = { runDir, set, resume: true };
  const signal = { aborted: true };
  const stopped = await trainSmall(cwd, 'classifier', { ...options, override: true, signal });
  expect(stopped.end).toMatchObject({ reason: 'stopped', step: 40 });
  expect((await trainSmall(cwd, 'classifier', options)).end).toMatchObject({ step: 50 });
});

it('a resume refuses a changed corpus before it overwrites anything', async () => {
  const runDir = dirOf('corpus');
  await trainSmall(cwd, 'classifier', { runDir });
  const read = () =>
    ['config.yaml', 'vocabulary.json', 'history.json'].map((name) =>
      readFileSync(join(runDir, name), 'utf8'),
    );
  const before = read();
  const file = join(cwd, 'colours.csv');
  const whole = readFileSync(file, 'utf8');
  const refusal = async (override: boolean) =>
    (await trainSmall(cwd, 'classifier', { runDir, resume: true, override })).error as Error;
  try {
    writeFileSync(file, `${whole}${'a new word,red\n'.repeat(20)}`);
    const { message } = await refusal(false);
    expect(message).toContain('the corpus has changed');
    // That would be refused, too.
    expect(message).not.toContain('--override');
    // Word ids would mean other words.
    expect((await refusal(true)).message).toContain('another vocabulary');
  } finally {
    writeFileSync(file, whole);
  }
  expect(read()).toEqual(before);
});

it('early stopping ends a run, a resume does not go on, and more patience does', async () => {
  const patient = (patience: number) => [
    ...['train.maxSteps=200', 'train.evaluateEverySteps=5'],
    ...[`train.earlyStopping.patience=${patience}`, 'train.optimizer.learningRate=0.3'],
  ];
  const runDir = dirOf('early');
  const { end, events } = await trainSmall(cwd, 'classifier', { runDir, set: patient(2) });
  expect(end?.reason).toBe('finished');
  expect(end!.step).toBeLessThan(200);
  expect(end!.step).toBe(end!.best!.step + 10);
  const best = events.flatMap((e) => (e.type === 'evaluation' ? [e.best] : []));
  expect(best.slice(-2)).toEqual([false, false]);
  const again = await trainSmall(cwd, 'classifier', { runDir, set: patient(2), resume: true });
  expect(again.end).toMatchObject({ reason: 'finished', step: end!.step, best: end!.best });
  const more = await trainSmall(cwd, 'classifier', { runDir, set: patient(4), resume: true });
  expect(more.end!.step).toBeGreaterThan(end!.step);
  // Stopped and resumed at every seventh step, it ends at the same one.
  const stopped = dirOf('early-stopped');
  let ended = false;
  for (let start = 0; start < 30 && !ended; start++) {
    const stop = new AbortController();
    const counting = await trainSmall(cwd, 'classifier', {
      ...{ runDir: stopped, set: patient(2), resume: start > 0, signal: stop.signal },
      listener: (event) => event.type === 'step' && event.step % 7 === 0 && stop.abort(),
    });
    ended = counting.end!.reason === 'finished';
    if (ended) expect(counting.end).toMatchObject({ step: end!.step, best: end!.best });
  }
  expect(ended).toBe(true);
});

it.each([
  ['train.earlyStopping', '{patience: 1}'],
  ['train.bestBy', 'accuracy'],
])('%s without anything to validate on is refused', async (key, value) => {
  const set = ['data.validation=0', `${key}=${value}`];
  const { error } = await trainSmall(cwd, 'classifier', { runDir: dirOf('blind'), set });
  expect((error as Error).message).toContain(`${key}: expected a validation split`);
});

it('a store whose rows cannot be read is refused before anything is written', async () => {
  const set = [`data.storeDir=${join(cwd, 'damaged')}`, 'train.maxSteps=1'];
  await trainSmall(cwd, 'classifier', { runDir: dirOf('whole'), set });
  const names = readdirSync(join(cwd, 'damaged'), { recursive: true, encoding: 'utf8' });
  const rows = join(
    cwd,
    'damaged',
    names.find((name) => name.endsWith('train.rows'))!,
  );
  writeFileSync(rows, readFileSync(rows).fill(7));
  // Refused without a start, it has changed nothing: see trainSmall.
  const { error, events } = await trainSmall(cwd, 'classifier', { runDir: dirOf('none'), set });
  expect((error as Error).message).toContain('train.rows is damaged');
  expect(events.filter(({ type }) => type === 'start')).toEqual([]);
});

it('keeps the newest, the best and every n-th checkpoint', async () => {
  const runDir = dirOf('kept');
  const set = [
    ...['train.checkpoint.everySteps=3', 'train.checkpoint.keep=2'],
    ...['train.checkpoint.keepEvery=12', 'train.evaluateEverySteps=40'],
  ];
  await trainSmall(cwd, 'classifier', { runDir, set });
  const names = await new RunDirectory(runDir).listCheckpoints();
  expect(names.map((name) => Number(name.slice(5)))).toEqual([12, 24, 36, 39, 40]);
});

it('a stop before the first step, of a corpus that is prepared, leaves a checkpoint to go on from', async () => {
  const whole = dirOf('not-stopped');
  await trainSmall(cwd, 'language-model', { runDir: whole });
  const runDir = dirOf('stopped');
  const signal = AbortSignal.abort();
  const { end } = await trainSmall(cwd, 'language-model', { runDir, signal });
  expect(end).toMatchObject({ reason: 'stopped', step: 0 });
  expect((await verifyCheckpoint(end!.checkpoint)).step).toBe(0);
  const resumed = await trainSmall(cwd, 'language-model', { runDir, resume: true });
  expect(resumed.end?.step).toBe(40);
  expect(readResult(runDir)).toEqual(readResult(whole));
});

it('the reference backend resumes what it has written', async () => {
  const runDir = dirOf('reference');
  const set = ['backend=reference', 'train.maxSteps=2'];
  await trainSmall(cwd, 'language-model', { runDir, set });
  const before = readResult(runDir).model;
  const again = ['backend=reference', 'train.maxSteps=3'];
  const { events } = await trainSmall(cwd, 'language-model', { runDir, set: again, resume: true });
  const losses = events.flatMap((event) => (event.type === 'step' ? [event.loss] : []));
  expect(losses).toHaveLength(1);
  expect(losses[0]).toBeLessThan(4);
  expect(readResult(runDir).model.equals(before)).toBe(false);
});
