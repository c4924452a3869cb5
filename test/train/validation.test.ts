import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readState } from '../../src/checkpoint/run-state.js';
import { findCheckpoint } from '../../src/run/find-checkpoint.js';
import { makeWorkplace } from '../e2e/corpus.js';
import { noticesOf, readResult, trainSmall, type SmallRun } from '../faults/small-run.js';

const cwd = makeWorkplace();

/** A rate at which the loss soon rises again. */
const hasty = 'train.optimizer.learningRate=0.3';

const followers = [
  'train.optimizer.schedule={kind: plateau, patience: 0, factor: 0.5, warmupSteps: 2}',
  'train.averaging={kind: nt-asgd, n: 1}',
];

async function readEnd(runDir: string) {
  const { checkpoint } = await findCheckpoint(runDir, 'latest');
  const best = await findCheckpoint(runDir, 'best');
  return {
    ...readResult(runDir),
    state: await readState(checkpoint),
    best: best.checkpoint.slice(runDir.length),
    pointer: readFileSync(join(runDir, 'best'), 'utf8'),
  };
}

it.each([
  ['epochs, stops between evaluations', 0, [5, 30], null, 46, []],
  ['evaluations every 7 steps', 7, [9, 16], null, 22, []],
  ['early stopping, which ends both', 4, [6, 14], 3, 60, []],
  ['by another measure', 4, [11], 3, 60, ['train.bestBy=accuracy']],
  ['a rate and averages that follow evaluations', 3, [5, 11, 16], null, 22, followers],
])(
  'a run that train.maxSteps stopped again and again goes on as one that it did not: %s',
  async (name, every, stops, patience, last, more) => {
    const run = async (runDir: string, maxSteps: number, resume: boolean) => {
      const set = [
        ...[`train.evaluateEverySteps=${every}`, `train.maxSteps=${maxSteps}`, 'workers=1', hasty],
        `train.earlyStopping=${patience === null ? 'null' : `{patience: ${patience}}`}`,
        ...more,
      ];
      const done = await trainSmall(cwd, 'classifier', { runDir, set, resume });
      expect(done.error).toBeUndefined();
      return done;
    };
    const [whole, broken] = ['whole', 'broken'].map((which) => join(cwd, `${name} ${which}`)) as [
      string,
      string,
    ];
    const undisturbed = await run(whole, last, false);
    expect(undisturbed.end!.step < last).toBe(patience !== null);
    const isFollowed = more === followers;
    const rates = undisturbed.events.flatMap((event) =>
      event.type === 'step' ? event.learningRate : [],
    );
    expect(new Set(rates).size > 1).toBe(isFollowed);
    expect(/averaging .* begins/.test(noticesOf(undisturbed).join())).toBe(isFollowed);
    for (const [index, stop] of stops.entries()) {
      const { end } = await run(broken, stop, index > 0);
      // What was measured where it stopped is there for whoever uses the model as it is.
      if (stop < undisturbed.end!.step)
        expect((await readEnd(broken)).state.validation.step).toBe(stop);
      expect(end!.step).toBe(Math.min(stop, undisturbed.end!.step));
    }
    await run(broken, last, true);
    expect(await readEnd(broken)).toEqual(await readEnd(whole));
  },
);

/** 1 for what is the better the higher it is. */
const direction = { accuracy: 1, loss: -1, perplexity: -1 };
type Chosen = keyof typeof direction;

function isHigher(by: Chosen, a: Partial<Record<Chosen, number | undefined>>, b: typeof a) {
  return direction[by] * (a[by]! - b[by]!) > 0;
}

/** Evaluations of a run, and the first of those that none is better than. */
function findBest({ events }: SmallRun, by: Chosen) {
  const found = events.filter((event) => event.type === 'evaluation');
  const best = found.reduce((first, next) => (isHigher(by, next, first) ? next : first));
  return { found, best };
}

const stopped = join(cwd, 'stopped early');
const often = ['train.evaluateEverySteps=2', 'workers=1', hasty];

it.each([
  ['classifier', 'accuracy', []],
  ['language-model', 'perplexity', []],
  ['classifier', 'accuracy', ['train.averaging={kind: ema, decay: 0.9}']],
] as const)(
  'the best of the %s by %s is the first that none is better than, with the run as it is otherwise: %s',
  async (name, by, more) => {
    const run = async (set: string) => {
      const runDir = join(cwd, `${name} ${set} ${more.join()}`);
      const options = { runDir, set: ['train.maxSteps=30', ...often, ...more, set] };
      const done = await trainSmall(cwd, name, options);
      expect(done.error).toBeUndefined();
      return { ...done, result: await readEnd(runDir) };
    };
    const usual = await run('train.bestBy=loss');
    const chosen = await run(`train.bestBy=${by}`);
    const { found, best } = findBest(chosen, by);
    expect(chosen.end!.best).toMatchObject({ step: best.step, [by]: best[by], by });
    expect(found.map((each) => each.best)).toEqual(
      found.map((each, i) => found.slice(0, i).every((former) => isHigher(by, each, former))),
    );
    expect(chosen.result.pointer.trim()).toBe(chosen.result.best.split('/').at(-1));
    expect(chosen.result.state.validation.best).toEqual(chosen.end!.best);
    expect(usual.end!.best).not.toHaveProperty('by');
    expect(usual.end!.best!.step).toBe(findBest(usual, 'loss').best.step);
    expect(chosen.result.model).toEqual(usual.result.model);
  },
);

it('a run goes on by another measure than before: the best so far stays until one is better by that', async () => {
  const set = [...often, 'train.maxSteps=40', 'train.earlyStopping={patience: 2}'];
  const first = await trainSmall(cwd, 'classifier', { runDir: stopped, set });
  expect(first.end!.step).toBeLessThan(40);
  const by = ['train.bestBy=accuracy', 'train.earlyStopping=null'];
  const then = await trainSmall(cwd, 'classifier', {
    runDir: stopped,
    set: [...set, ...by],
    resume: true,
  });
  expect(noticesOf(then).join()).toContain('train.bestBy: "loss" → "accuracy"');
  const former = first.end!.best!;
  const { best } = findBest(then, 'accuracy');
  const isFound = isHigher('accuracy', best, former);
  expect(then.end!.best).toEqual(
    isFound ? expect.objectContaining({ step: best.step }) : { ...former, by: 'accuracy' },
  );
});

it('a resume of a run that has ended says why, and what would have it go on', async () => {
  const run = async (runDir: string, set: string[], resume: boolean) => {
    const done = await trainSmall(cwd, 'classifier', {
      runDir,
      set: ['workers=1', hasty, ...set],
      resume,
    });
    expect(done.error).toBeUndefined();
    return { last: noticesOf(done).at(-1)!, step: done.end!.step };
  };
  const steps = join(cwd, 'all steps');
  const warmup = 'train.optimizer.schedule.warmupSteps=6';
  const first = await run(steps, ['train.maxSteps=6', warmup], false);
  expect(first.last).toMatch(
    /warmupSteps: the learning rate rises for 6 steps, and the run ends after 6: /,
  );
  expect(await run(steps, ['train.maxSteps=6', warmup], true)).toEqual({
    last: 'The run has done all of its steps, 6 of them: to go on, raise train.maxSteps.',
    step: 6,
  });
  const early = join(cwd, 'early');
  const set = ['train.evaluateEverySteps=2', 'train.maxSteps=60'];
  const patience = (most: number) => [...set, `train.earlyStopping={patience: ${most}}`];
  const { step } = await run(early, patience(2), false);
  expect(step).toBeLessThan(60);
  expect(await run(early, patience(2), true)).toEqual({
    last:
      `Early stopping has ended the run after step ${step}, with no lower validation loss in 2 evaluations: ` +
      'to go on, raise train.earlyStopping.patience above 2, or set train.earlyStopping to null.',
    step,
  });
  expect((await run(early, patience(3), true)).step).toBeGreaterThan(step);
  expect((await run(early, set, true)).step).toBe(60);
});

it.each(followers)(
  '%s needs a validation split, and evaluations as they were',
  async (follower) => {
    const key = follower.slice(0, follower.indexOf('='));
    const without = { runDir: join(cwd, 'without'), set: [follower, 'data.validation=0'] };
    expect(String((await trainSmall(cwd, 'classifier', without)).error)).toContain(
      `${key}: expected a validation split whose loss it follows, but data.validation gives none`,
    );
    const runDir = join(cwd, `${key} resumed`);
    const set = [follower, 'train.maxSteps=2', 'workers=1'];
    expect((await trainSmall(cwd, 'classifier', { runDir, set })).error).toBeUndefined();
    const every = [...set, 'train.evaluateEverySteps=5'];
    const { error } = await trainSmall(cwd, 'classifier', { runDir, set: every, resume: true });
    expect(String(error)).toContain(
      'holds a run of another config (train.evaluateEverySteps: 0 → 5)',
    );
  },
);
