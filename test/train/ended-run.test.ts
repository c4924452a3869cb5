import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readState } from '../../src/checkpoint/run-state.js';
import { UserError } from '../../src/errors.js';
import { findCheckpoint } from '../../src/run/find-checkpoint.js';
import { RunDirectory } from '../../src/run/run-directory.js';
import { openModel } from '../../src/use/model-file.js';
import { makeWorkplace } from '../e2e/corpus.js';
import { readTree } from '../e2e/tree.js';
import { noticesOf, readResult, trainSmall, type SmallRun } from '../faults/small-run.js';

const cwd = makeWorkplace();
const dirOf = (name: string) => join(cwd, 'runs', name);
const lines = readFileSync(join(cwd, 'colours.csv'), 'utf8').split('\n');
const heldOut = join(cwd, 'held-out.csv');
writeFileSync(heldOut, `${lines.slice(0, 40).join('\n')}\n`);
const others = join(cwd, 'others.csv');
writeFileSync(others, `${[lines[0], ...lines.slice(60, 90)].join('\n')}\n`);

const latestOf = async (runDir: string) => (await findCheckpoint(runDir, 'latest')).checkpoint;
const stateOf = async (runDir: string) => readState(await latestOf(runDir));
const typesOf = ({ events }: SmallRun) => events.map(({ type }) => type);

/** What equal runs have alike. */
const readEnd = async (runDir: string) => ({
  ...readResult(runDir),
  state: await stateOf(runDir),
  config: await new RunDirectory(runDir).readConfig(),
});

const rate = 'train.optimizer.learningRate=0.5';
const rateChange = 'train.optimizer.learningRate: 0.01 → 0.5';
const early = ['train.evaluateEverySteps=5', 'train.earlyStopping={patience: 2}'];
const quick = 'train.optimizer.learningRate=0.3';
const cosine = ['train.maxSteps=1000', 'train.optimizer.schedule={kind: cosine}', 'train.epochs=2'];

describe('of a run that has ended, what no step follows is refused with --override, by name and with what would make it count', () => {
  it.each([
    ['train.maxSteps', [], [rate], 'step', rateChange, 'raise train.maxSteps'],
    [
      'what data is made of',
      [],
      ['data.tokenizer={kind: word, minCount: 3}', 'train.checkpoint.keep=7'],
      ...['step', 'data.tokenizer.minCount: 2 → 3', 'raise train.maxSteps'],
    ],
    [
      'train.epochs',
      ['train.maxSteps=1000', 'train.epochs=2'],
      [rate, 'train.batchSize=16'],
      ...['step or evaluation', `train.batchSize: 8 → 16, ${rateChange}`, 'raise train.epochs'],
    ],
    [
      'a schedule that ends with the epochs',
      cosine,
      ['train.optimizer.schedule={kind: constant}', 'train.epochs=1'],
      'step or evaluation',
      'train.epochs: 2 → 1, train.optimizer.schedule.kind: "cosine" → "constant"',
      'raise train.epochs',
    ],
    [
      'early stopping',
      [...early, 'train.maxSteps=200', quick],
      [rate],
      'step or evaluation',
      'train.optimizer.learningRate: 0.3 → 0.5',
      'raise train.earlyStopping.patience above 2, or set train.earlyStopping to null',
    ],
    [
      'beside an evaluation that is due',
      ['data.validation=0'],
      [rate, `data.validation=${heldOut}`],
      ...['step', rateChange, 'raise train.maxSteps'],
    ],
    [
      'data of an evaluation that has been made',
      [`data.validation=${heldOut}`],
      [`data.validation=${others}`, `data.test=${heldOut}`],
      'step or evaluation',
      `data.validation: ["${heldOut}"] → ["${others}"], data.test: none → ["${heldOut}"]`,
      'raise train.maxSteps',
    ],
  ])('%s', async (name, own, changed, what, changes, goOn) => {
    const runDir = dirOf(`vain ${name}`);
    await trainSmall(cwd, 'classifier', { runDir, set: own });
    const before = readTree(runDir);
    const end = await readEnd(runDir);
    const resume = { runDir, resume: true };
    const set = [...own, ...changed];
    const refused = await trainSmall(cwd, 'classifier', { ...resume, set, override: true });
    expect(refused.error).toEqual(
      new UserError(
        `${runDir} holds a run that has ended, so that no ${what} would go by the changed config (${changes}): ` +
          `use the run's own config or, to go on with the changed one, ${goOn}`,
      ),
    );
    expect(readTree(runDir)).toEqual(before);
    // A corpus, which may take an hour, is not prepared for nothing.
    if (what === 'step' && goOn === 'raise train.maxSteps') {
      expect(typesOf(refused)).not.toContain('prepare');
    }
    const again = await trainSmall(cwd, 'classifier', { ...resume, set: own });
    expect(again.end).toMatchObject({ reason: 'finished' });
    expect(await readEnd(runDir)).toEqual(end);
  });

  it('another corpus', async () => {
    const runDir = dirOf('other lines');
    const text = join(cwd, 'unix.txt');
    const unix = readFileSync(join(cwd, 'colours.txt'), 'utf8');
    writeFileSync(text, unix);
    const set = [`data.train=${text}`, 'data.tokenizer={kind: byte}'];
    await trainSmall(cwd, 'language-model', { runDir, set });
    const [before, end] = [readTree(runDir), await readEnd(runDir)];
    writeFileSync(text, unix.replaceAll('\n', '\r\n'));
    const resume = { runDir, resume: true, set };
    expect((await trainSmall(cwd, 'language-model', { ...resume, override: true })).error).toEqual(
      new UserError(
        `${runDir} holds a run that has ended, so that no step or evaluation would go by the changed corpus: ` +
          'restore the files that data names or, to go on with the changed ones, raise train.maxSteps',
      ),
    );
    expect(readTree(runDir)).toEqual(before);
    writeFileSync(text, unix);
    expect((await trainSmall(cwd, 'language-model', resume)).end).toBeDefined();
    expect(await readEnd(runDir)).toEqual(end);
  });
});

describe('an evaluation alone of other data', () => {
  const set = [`data.validation=${heldOut}`];

  it('is taken with --override, and no word of it is needed afterwards', async () => {
    const runDir = dirOf('evaluated');
    await trainSmall(cwd, 'classifier', { runDir, set: ['data.validation=0'] });
    const before = await readEnd(runDir);
    const options = { runDir, resume: true, set };
    const run = await trainSmall(cwd, 'classifier', { ...options, override: true });
    expect(typesOf(run)).toContain('evaluation');
    expect(noticesOf(run)).toContain(
      `Overriding the run's config for an evaluation alone: data.validation: 0 → ["${heldOut}"].`,
    );
    const [, start] = await new RunDirectory(runDir).readHistory();
    expect(start!.overridden).toEqual(['data.validation', 'corpus']);
    expect(start!.changes.map(({ key }) => key)).toEqual(['data.validation']);
    const after = await readEnd(runDir);
    expect(after.config.data.validation).toEqual([heldOut]);
    expect(after.config.train).toEqual(before.config.train);
    expect(after.model).toEqual(before.model);
    expect((await trainSmall(cwd, 'classifier', options)).end).toBeDefined();
    expect(await readEnd(runDir)).toEqual(after);
    const told: string[] = [];
    await (await openModel(runDir, { notify: (message) => told.push(message) })).close();
    expect(told).toEqual([]);
  });

  it('is made by the next resume, without --override, where a stop has cut it', async () => {
    const [whole, cut] = [dirOf('whole'), dirOf('cut')];
    await trainSmall(cwd, 'classifier', { runDir: whole, set: ['data.validation=0'] });
    cpSync(whole, cut, { recursive: true });
    const options = { resume: true, set };
    await trainSmall(cwd, 'classifier', { ...options, runDir: whole, override: true });
    const signal = AbortSignal.abort();
    const stop = { ...options, runDir: cut, override: true, signal };
    const stopped = await trainSmall(cwd, 'classifier', stop);
    expect(stopped.end).toMatchObject({ reason: 'stopped', step: 40 });
    expect(typesOf(stopped)).not.toContain('evaluation');
    const resumed = await trainSmall(cwd, 'classifier', { ...options, runDir: cut });
    expect(resumed.end).toMatchObject({ reason: 'finished', step: 40 });
    expect(await readEnd(cut)).toEqual(await readEnd(whole));
  });

  it('changes nothing that the weights have been learned with, such as the ends of lines', async () => {
    const runDir = dirOf('lines');
    const [text, held] = [join(cwd, 'dos.txt'), join(cwd, 'held.txt')];
    const unix = readFileSync(join(cwd, 'colours.txt'), 'utf8');
    writeFileSync(text, unix.replaceAll('\n', '\r\n'));
    writeFileSync(held, unix.slice(0, 500));
    const own = [`data.train=${text}`, 'data.tokenizer={kind: byte}', 'data.validation=0'];
    await trainSmall(cwd, 'language-model', { runDir, set: own });
    writeFileSync(text, unix);
    const evaluated = [...own, `data.validation=${held}`];
    const options = { runDir, resume: true, override: true, set: evaluated };
    expect(typesOf(await trainSmall(cwd, 'language-model', options))).toContain('evaluation');
    expect((await stateOf(runDir)).lineEnd).toBe('\r\n');
  });
});

describe('a run without hope whose last evaluation a stop has cut', () => {
  const patient = (patience: number) => [
    ...['train.maxSteps=200', 'train.evaluateEverySteps=5', `data.validation=${heldOut}`],
    ...[`train.earlyStopping={patience: ${patience}}`, quick],
  ];

  /** Trains, and stops within the evaluation after `step` updates. */
  async function stopAt(runDir: string, step: number, patience: number): Promise<SmallRun> {
    const stop = new AbortController();
    return trainSmall(cwd, 'classifier', {
      ...{ runDir, set: patient(patience), signal: stop.signal },
      listener: (event) => event.type === 'step' && event.step === step && stop.abort(),
    });
  }

  it('ends as one that was not stopped, with --override and without', async () => {
    const whole = dirOf('undisturbed');
    const { end } = await trainSmall(cwd, 'classifier', { runDir: whole, set: patient(2) });
    expect(end!.reason).toBe('finished');
    for (const [i, more] of [{}, { override: true }].entries()) {
      const runDir = dirOf(`disturbed ${i}`);
      expect((await stopAt(runDir, end!.step, 2)).end).toMatchObject({ reason: 'stopped' });
      const options = { runDir, resume: true, set: patient(2), ...more };
      const resumed = await trainSmall(cwd, 'classifier', options);
      expect(resumed.end).toMatchObject({ reason: 'finished', step: end!.step });
      expect(await readEnd(runDir)).toEqual(await readEnd(whole));
    }
    // The changed config is the run's where steps could have followed; the weights are none of it.
    const runDir = dirOf('overridden');
    await stopAt(runDir, end!.step, 2);
    const options = { runDir, resume: true, override: true, set: [...patient(2), rate] };
    await trainSmall(cwd, 'classifier', options);
    const [expected, found] = [await readEnd(whole), await readEnd(runDir)];
    expect(found.model).toEqual(expected.model);
    expect(found.optimizer).toEqual(expected.optimizer);
    expect(found.state.validation).toEqual(expected.state.validation);
    expect(found.config.train.optimizer.learningRate).toBe(0.5);
  });

  it('is stopped again where it is cut again, and goes on by the config as given where that turns out best', async () => {
    const { end } = await trainSmall(cwd, 'classifier', {
      ...{ runDir: dirOf('impatient'), set: patient(2) },
    });
    const cut = dirOf('cut without hope');
    const step = end!.step + 5;
    expect((await stopAt(cut, step, 4)).end).toMatchObject({ reason: 'stopped', step });
    // Less patience than the evaluations so far have taken: only the one that is due gives hope.
    const copies = ['plain', 'flagged', 'whole', 'better'].map((name) => dirOf(`hope, ${name}`));
    for (const copy of copies) cpSync(cut, copy, { recursive: true });
    const [plain, flagged, whole, better] = copies as [string, string, string, string];
    const resume = (runDir: string, more: object = {}) =>
      trainSmall(cwd, 'classifier', { runDir, resume: true, set: patient(2), ...more });
    const undisturbed = await resume(whole);
    expect(undisturbed.end!.reason).toBe('finished');
    for (const runDir of [plain, flagged]) {
      const again = await resume(runDir, { signal: AbortSignal.abort() });
      expect(again.end).toMatchObject({ reason: 'stopped', step });
      expect(noticesOf(again).join()).not.toMatch(/ended the run|training ends/);
      await resume(runDir, { override: runDir === flagged });
      expect(await readEnd(runDir)).toEqual(await readEnd(whole));
    }
    const set = [...patient(2), rate, `data.validation=${others}`];
    const run = await resume(better, { override: true, set });
    const [evaluation, ...later] = run.events.filter(
      (event) => event.type === 'evaluation' || event.type === 'step',
    );
    expect(evaluation).toMatchObject({ type: 'evaluation', step, best: true });
    expect(later.find((event) => event.type === 'step')).toMatchObject({ learningRate: 0.5 });
    expect(noticesOf(run).join()).not.toContain('has ended the run');
    expect((await readEnd(better)).config.train.optimizer.learningRate).toBe(0.5);
  });
});
