import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../src/errors.js';
import { openModel } from '../../src/use/model-file.js';
import { verifyCheckpoint } from '../../src/checkpoint/run-state.js';
import { makeWorkplace } from '../e2e/corpus.js';
import { trainSmall } from './small-run.js';

const cwd = makeWorkplace();

/**
 * Trains, and does something to the run's directory when its first checkpoint is there; others are due every 10 steps. That is
 * heard from whoever writes checkpoints, who touches nothing meanwhile, so that what is done may take several steps.
 */
async function trainAndDisturb(name: string, disturb: (runDir: string) => void) {
  const runDir = join(cwd, 'runs', name);
  let done = false;
  const outcome = await trainSmall(cwd, 'language-model', {
    ...{ runDir, set: ['train.maxSteps=80'] },
    listener: (event) => {
      if (event.type !== 'checkpoint' || done) return;
      done = true;
      disturb(runDir);
    },
  });
  return { runDir, ...outcome };
}

/** As if removed in one instant: while a checkpoint is written into it, a directory cannot be removed entry by entry. */
function takeAway(directory: string): void {
  renameSync(directory, join(cwd, `taken-${basename(directory)}`));
}

function expectSentence(error: unknown, words: RegExp): void {
  expect(error).toBeInstanceOf(UserError);
  expect((error as UserError).message).not.toContain('\n');
  expect((error as UserError).message).toMatch(words);
}

describe('a run ends, with a sentence and nothing more written, when its directory', () => {
  it('is removed', async () => {
    const { runDir, error } = await trainAndDisturb('removed', takeAway);
    expectSentence(error, /removed: the directory was removed or moved away while the run went on/);
    expect(existsSync(runDir)).toBe(false);
  });

  it('is moved: there it is gone on with', async () => {
    const moved = join(cwd, 'runs', 'moved-away');
    const { runDir, error } = await trainAndDisturb('moved', (dir) => renameSync(dir, moved));
    expectSentence(error, /the directory was removed or moved away while the run went on/);
    expect(existsSync(runDir)).toBe(false);
    // It names this process, which still lives.
    rmSync(join(moved, 'lock'));
    const set = ['train.maxSteps=80'];
    const resumed = await trainSmall(cwd, 'language-model', { runDir: moved, set, resume: true });
    expect(resumed.end).toMatchObject({ reason: 'finished', step: 80 });
  });

  it('is replaced by another of the same name', async () => {
    const { runDir, error } = await trainAndDisturb('replaced', (dir) => {
      renameSync(dir, `${dir}-former`);
      mkdirSync(dir);
      writeFileSync(join(dir, 'mine'), 'mine');
    });
    expectSentence(error, /another directory has taken its place while the run went on/);
    expect(readdirSync(runDir)).toEqual(['mine']);
  });

  it('is replaced by an empty one, which stays', async () => {
    const { runDir, error } = await trainAndDisturb('replaced-empty', (dir) => {
      renameSync(dir, `${dir}-former`);
      mkdirSync(dir);
    });
    expectSentence(error, /another directory has taken its place while the run went on/);
    expect(readdirSync(runDir)).toEqual([]);
  });

  it('is removed, and made anew by somebody who is given the number that it had', async () => {
    const { runDir, error } = await trainAndDisturb('made-anew', (dir) => {
      rmSync(dir, { recursive: true });
      mkdirSync(dir);
    });
    expectSentence(error, /another directory has taken its place while the run went on/);
    expect(readdirSync(runDir)).toEqual([]);
  });

  it('is locked by another process', async () => {
    let theirs = '';
    const { runDir, error } = await trainAndDisturb('taken', (dir) => {
      const lock = JSON.parse(readFileSync(join(dir, 'lock'), 'utf8')) as object;
      theirs = JSON.stringify({ ...lock, pid: process.ppid, token: 'theirs' });
      writeFileSync(join(dir, 'lock'), theirs);
    });
    expectSentence(
      error,
      /its lock was taken by another process \(pid \d+\) while the run went on/,
    );
    expect(readFileSync(join(runDir, 'lock'), 'utf8')).toBe(theirs);
  });

  it('takes no more checkpoints', async () => {
    const { error, events } = await trainAndDisturb('blocked', (dir) => {
      renameSync(join(dir, 'checkpoints'), join(dir, 'former'));
      writeFileSync(join(dir, 'checkpoints'), 'a file');
    });
    expectSentence(
      error,
      /checkpoints: the checkpoint after step \d+ could not be written \(.*\(ENOTDIR\)\); the one after step \d+ is kept/,
    );
    expect(events.some((event) => event.type === 'step' && event.step === 80)).toBe(false);
  });

  it('has lost its best checkpoint', async () => {
    const runDir = join(cwd, 'runs', 'best-lost');
    const set = ['train.evaluateEverySteps=5', 'train.optimizer.learningRate=10'];
    let best = '';
    const { error } = await trainSmall(cwd, 'classifier', {
      ...{ runDir, set },
      listener: (event) => {
        if (event.type !== 'step' || event.step !== 39) return;
        best = readFileSync(join(runDir, 'best'), 'utf8').trim();
        takeAway(join(runDir, 'checkpoints', best));
      },
    });
    expectSentence(
      error,
      /the best checkpoint was removed while the run went on; the last one is whole/,
    );
    const model = await openModel(runDir, { checkpoint: 'latest' });
    expect(model.step).toBe(40);
    await model.close();
  });
});

it('a lock that is removed is put back', async () => {
  let seen = false;
  const { end } = await trainSmall(cwd, 'language-model', {
    runDir: join(cwd, 'runs', 'unlocked'),
    listener: (event) => {
      const lock = join(cwd, 'runs', 'unlocked', 'lock');
      if (event.type === 'step' && event.step === 12) rmSync(lock);
      if (event.type === 'checkpoint' && event.step > 12) seen = existsSync(lock);
    },
  });
  expect(end?.reason).toBe('finished');
  expect(seen).toBe(true);
});

it('removed checkpoints leave a run that ends with a whole one', async () => {
  const { runDir, end } = await trainAndDisturb('emptied', (dir) =>
    takeAway(join(dir, 'checkpoints')),
  );
  expect(end?.reason).toBe('finished');
  expect((await verifyCheckpoint(end!.checkpoint)).step).toBe(80);
  expect(readFileSync(join(runDir, 'latest'), 'utf8')).toBe('step-00000080\n');
});
