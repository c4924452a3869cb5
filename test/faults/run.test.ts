import { mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { UserError } from '../../src/errors.js';
import type { TrainEvent } from '../../src/events.js';
import type { Phase } from '../../src/model/phases.js';
import { readSafetensors } from '../../src/checkpoint/safetensors.js';
import { makeWorkplace } from '../e2e/corpus.js';
import { planDeaths } from './deaths.js';
import { FailingDisk } from './failing-disk.js';
import {
  noticesOf,
  readResult,
  trainSmall,
  type SmallRun,
  type SmallRunOptions,
} from './small-run.js';
import { bundleModule, writeEntry } from './thread-module.js';

const cwd = makeWorkplace();
const dirOf = (name: string) => join(cwd, 'runs', name);

/** Modules of threads, each bundled once. */
const modules = {
  'faulty-compute.js': bundleModule(cwd, 'faulty-compute.js'),
  'deaths.js': bundleModule(cwd, 'deaths.js'),
};

/** Entry of threads that do harm: see faulty-compute.js. */
function faulty(fault: 'exit' | 'out of memory' | 'poison', phase: Phase, step: number): string {
  const harm = JSON.stringify({ fault, phase, step });
  const file = join(cwd, `${fault}-${phase}-${step}.mjs`);
  return writeEntry(file, modules['faulty-compute.js'], `computeFaultily(${harm})`);
}

type Task = 'classifier' | 'language-model';

/** By two workers, if nothing else is said. */
function trainDisturbed(name: Task, { set = [], ...options }: SmallRunOptions): Promise<SmallRun> {
  return trainSmall(cwd, name, { ...options, set: ['workers=2', ...set] });
}

const undisturbed = new Map<Task, ReturnType<typeof readResult>>();
beforeAll(async () => {
  for (const name of ['classifier', 'language-model'] as const) {
    const runDir = dirOf(`${name}-undisturbed`);
    expect((await trainDisturbed(name, { runDir })).error).toBeUndefined();
    undisturbed.set(name, readResult(runDir));
  }
});

/** Resumes without faults and compares with the run that nobody disturbed. */
async function finish(name: Task, runDir: string, from: string): Promise<void> {
  const resumed = await trainDisturbed(name, { runDir, resume: true });
  expect(resumed.error).toBeUndefined();
  expect(noticesOf(resumed)).toContain(`Going on from ${join(runDir, 'checkpoints', from)}.`);
  expect(readResult(runDir)).toEqual(undisturbed.get(name));
}

describe.each(['classifier', 'language-model'] as const)('a run of a %s', (name) => {
  it('comes to the same bytes while workers die in every way', async () => {
    const folder = mkdtempSync(join(cwd, 'deaths-'));
    const deaths = planDeaths(8, 40, (n) => n - 1);
    const call = `joinPlanned(${JSON.stringify(folder)}, ${JSON.stringify(deaths)})`;
    const workerFile = writeEntry(join(cwd, `${name}-mortal.mjs`), modules['deaths.js'], call);
    const runDir = dirOf(`${name}-mortal`);
    const { error, events } = await trainDisturbed(name, { runDir, workerFile });
    expect(error).toBeUndefined();
    expect(readdirSync(folder)).toHaveLength(8);
    const reasons = events.flatMap((event) => (event.type === 'worker' ? [event.reason] : []));
    expect(reasons).toHaveLength(8);
    for (const reason of [/exited with code: 3/, /memory/, /struck by the test/]) {
      expect(reasons.join('\n')).toMatch(reason);
    }
    expect(readResult(runDir)).toEqual(undisturbed.get(name));
  });

  it('stops after steps that are not finite, names the culprits, and keeps finite weights', async () => {
    const runDir = dirOf(`${name}-poisoned`);
    const workerFile = faulty('poison', 'train', 12);
    const set = ['train.maxBadSteps=3'];
    const spoilt = await trainDisturbed(name, { runDir, workerFile, set });
    expect(spoilt.error).toBeInstanceOf(UserError);
    const source =
      name === 'classifier'
        ? /not finite on row \d+ of \S+colours\.csv, row .* and \d+ more of the batch;/
        : /not finite on the text from token \d+, the text from token \d+/;
    const { message } = spoilt.error as UserError;
    expect(message).toMatch(
      /^3 steps in a row were not applied, last step 15: its loss \(NaN\) is /,
    );
    expect(message).toMatch(source);
    expect(message).toContain('lstm.weight_hh_l0 itself holds values that are not finite');
    expect(message).toContain('checkpoints written before are kept');
    const notices = noticesOf(spoilt).filter((text) => text.includes('not applied'));
    // The value that is spoilt before step 12 is packed, and used, behind it.
    expect(notices.map((text) => text.split(':')[0])).toEqual([
      'Step 13 was not applied',
      'Step 14 was not applied',
    ]);
    await finish(name, runDir, 'step-00000010');
  });
});

it.each([
  // For a thread it takes a while to fill its memory: there is one at a time.
  ['classifier', 'out of memory', 1],
  ['language-model', 'exit', 2],
] as const)(
  'a run of a %s ends with a checkpoint of the last finished step when a task kills three workers: %s',
  async (name, way, workers) => {
    const runDir = dirOf(`${name}-deadly-${way}`);
    const workerFile = faulty(way, 'gradients', 17);
    const set = [`workers=${workers}`];
    const { error, events } = await trainDisturbed(name, { runDir, workerFile, set });
    expect(error).toBeInstanceOf(UserError);
    expect((error as UserError).message).toMatch(
      /^3 workers in a row failed on the same task \(gradients, part \d of \d\): .*; a checkpoint of the last finished step is written: go on with --resume$/,
    );
    // The task of any part kills its workers.
    expect(events.filter(({ type }) => type === 'worker').length).toBeGreaterThanOrEqual(3);
    await finish(name, runDir, 'step-00000016');
  },
);

describe('a run', () => {
  it('keeps the former checkpoint when workers die of updating the weights', async () => {
    const runDir = dirOf('updating');
    const workerFile = faulty('exit', 'update', 17);
    const { error } = await trainDisturbed('classifier', { runDir, workerFile });
    expect((error as UserError).message).toContain('the weights were being updated');
    await finish('classifier', runDir, 'step-00000010');
  });

  it('evaluates after a resume what could not be evaluated before', async () => {
    const runDir = dirOf('evaluating');
    const workerFile = faulty('exit', 'evaluate', 1);
    const set = ['train.evaluateEverySteps=8'];
    const { error } = await trainDisturbed('language-model', { runDir, workerFile, set });
    expect((error as UserError).message).toContain('(evaluate, ');
    const { events } = await trainDisturbed('language-model', { runDir, set, resume: true });
    const evaluated = events.flatMap((e) => (e.type === 'evaluation' ? [e.step] : []));
    expect(evaluated).toEqual([8, 16, 24, 32, 40]);
    expect(readResult(runDir)).toEqual(undisturbed.get('language-model'));
  });

  it('ends with a checkpoint of the last finished step when a batch cannot be read any more', async () => {
    const runDir = dirOf('unreadable');
    const storeDir = join(cwd, 'unreadable-stores');
    const set = [`data.storeDir=${storeDir}`, 'train.evaluateEverySteps=17'];
    let [path, whole] = ['', Buffer.alloc(0)];
    const listener = ({ type }: TrainEvent): void => {
      if (type !== 'start') return;
      // Nothing has been read of it yet.
      const names = readdirSync(storeDir, { recursive: true, encoding: 'utf8' });
      path = join(
        storeDir,
        names.find((name) => name.endsWith('validation.tokens'))!,
      );
      whole = readFileSync(path);
      writeFileSync(path, Buffer.alloc(whole.length, 1));
    };
    const { error } = await trainDisturbed('language-model', { runDir, set, listener });
    expect((error as UserError).message).toMatch(
      /^The run ends with a checkpoint of the last finished step, to go on from with --resume: .*validation\.tokens is damaged: .*: rm -r \S+$/,
    );
    writeFileSync(path, whole);
    const resumed = await trainDisturbed('language-model', { runDir, set, resume: true });
    expect(noticesOf(resumed)).toContain(
      `Going on from ${join(runDir, 'checkpoints', 'step-00000017')}.`,
    );
    expect(readResult(runDir)).toEqual(undisturbed.get('language-model'));
  });

  it('goes on when the disk refuses a checkpoint, and writes the next one', async () => {
    const runDir = dirOf('full');
    const fs = new FailingDisk(({ path }) => (path.includes('00000020') ? 'ENOSPC' : undefined));
    const run = await trainDisturbed('language-model', { runDir, fs });
    expect(run.error).toBeUndefined();
    const checkpoints = run.events.filter(({ type }) => type.startsWith('checkpoint'));
    expect(checkpoints.map((event) => [event.type, 'step' in event && event.step])).toContainEqual([
      'checkpoint-failed',
      20,
    ]);
    expect(readResult(runDir)).toEqual(undisturbed.get('language-model'));
  });

  it('ends with one sentence when its last checkpoint cannot be written', async () => {
    const runDir = dirOf('last');
    const fs = new FailingDisk(({ path }) => (path.includes('00000040') ? 'EIO' : undefined));
    const set = ['train.evaluateEverySteps=40'];
    const { error } = await trainDisturbed('classifier', { runDir, fs, set });
    expect((error as Error).message).toBe(
      `${join(runDir, 'checkpoints')}: the checkpoint after step 40 could not be written ` +
        '(i/o error (EIO)); the one after step 30 is kept: go on from there with --resume',
    );
    await finish('classifier', runDir, 'step-00000030');
  });
});

it('never writes a checkpoint of weights that are not finite', async () => {
  const runDir = dirOf('never');
  const workerFile = faulty('poison', 'train', 3);
  const set = ['train.checkpoint.everySteps=1', 'train.maxBadSteps=1000'];
  const { error } = await trainDisturbed('classifier', { runDir, workerFile, set });
  expect((error as Error).message).toContain(
    'lstm.weight_hh_l0 holds values that are not finite, so that no checkpoint is written',
  );
  const { name } = readResult(runDir);
  expect(name).toBe('step-00000002');
  await readSafetensors(join(runDir, 'checkpoints', name, 'model.safetensors'), (_, shape) => {
    return new Float32Array(shape.reduce((a, b) => a * b, 1));
  });
});

it('a learning rate that explodes ends the run, or leaves finite weights', async () => {
  const runDir = dirOf('explosion');
  const set = ['train.optimizer.learningRate=10', 'train.clipNorm=null'];
  const { end, error } = await trainDisturbed('language-model', { runDir, set });
  if (end === undefined) expect(error).toBeInstanceOf(UserError);
  const { name } = readResult(runDir);
  const tensors: Float32Array[] = [];
  await readSafetensors(join(runDir, 'checkpoints', name, 'model.safetensors'), (_, shape) => {
    tensors.push(new Float32Array(shape.reduce((a, b) => a * b, 1)));
    return tensors.at(-1);
  });
  expect(tensors.every((tensor) => tensor.every(Number.isFinite))).toBe(true);
});
