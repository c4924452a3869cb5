import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeAll, expect, test } from 'vitest';
import { openModel } from '../../src/use/model-file.js';
import { predictAll } from '../../src/use/predictions.js';
import { makeWorkplace } from '../e2e/corpus.js';
import { trainSmall } from '../faults/small-run.js';
import { stubClassifier } from '../commands/stub.js';
import { type Served, useServer } from './serving.js';

const serve = useServer();
const cwd = makeWorkplace();
const run = join(cwd, 'run');
const texts = ['the ruby', 'a sea of ice', 'very green moss and the ruby', ''];

beforeAll(async () => {
  await trainSmall(cwd, 'classifier', {
    runDir: run,
    set: ['train.maxSteps=10', 'train.checkpoint.keep=10'],
  });
});

/** What each checkpoint answers when nobody else asks. */
async function answersOf(checkpoint: string): Promise<unknown> {
  const model = await openModel(run, { checkpoint });
  const answers = [];
  for (const text of texts) answers.push(...(await predictAll(model, [text])));
  await model.close();
  return answers;
}

interface Answer {
  predictions: unknown[];
  checkpoint: string;
}

async function ask({ post }: Served, asked: readonly string[]): Promise<Answer> {
  const answer = await post('/predict', { texts: asked });
  expect(answer.status).toBe(200);
  return (await answer.json()) as Answer;
}

test('another checkpoint takes over under load without a lost request; answers are those that each gives alone', async () => {
  let open = 0;
  const served = await serve(
    {
      run,
      checkpoint: 'latest',
      open: async (onBatch) => {
        const model = await openModel(run, { checkpoint: 'latest', onBatch, workers: 1 });
        open++;
        const close = model.close.bind(model);
        model.close = async () => {
          open--;
          await close();
        };
        return model;
      },
    },
    { reloads: true, reloadMs: 50 },
  );
  let isOver = false;
  const seen = new Map<string, unknown[]>();
  const clients = Array.from({ length: 8 }, async () => {
    while (!isOver) {
      const { checkpoint, predictions } = await ask(served, texts);
      seen.set(checkpoint, [...(seen.get(checkpoint) ?? []), predictions]);
    }
  });
  await trainSmall(cwd, 'classifier', {
    runDir: run,
    set: ['train.maxSteps=30', 'train.checkpoint.keep=10'],
    resume: true,
  });
  await expect.poll(() => served.server.model.step).toBe(30);
  await sleep(50);
  isOver = true;
  await Promise.all(clients);
  expect(seen.size).toBeGreaterThan(1);
  expect([...seen.keys()]).toContain('step-00000030');
  for (const [checkpoint, all] of seen) {
    const alone = await answersOf(checkpoint);
    for (const answers of all) expect(answers).toEqual(alone);
  }
  expect(open).toBe(1);
  const metrics = await (await served.get('/metrics')).text();
  expect(metrics).toContain('\nlockstep_serve_model_step 30\n');
  expect(metrics).toMatch(/lockstep_serve_reloads_total\{outcome="replaced"\} [1-9]/);
  expect(Number(/lockstep_serve_batch_rows_count (\d+)/.exec(metrics)?.[1])).toBeGreaterThan(0);
  expect(served.heard.at(-1)).toBe(
    `From now on ${join(run, 'checkpoints/step-00000030')} answers.`,
  );
});

test('a checkpoint that cannot be opened is told of once, and the one before goes on', async () => {
  let opened = 0;
  let closed = 0;
  const served = await serve(
    {
      run,
      checkpoint: 'latest',
      open: () =>
        opened++ === 0
          ? openModel(run, { checkpoint: 'step-00000030' })
          : Promise.resolve({
              ...stubClassifier(),
              warmUp: () => Promise.reject(new Error('damaged\n    at x')),
              close: () => {
                closed++;
                return Promise.resolve();
              },
            }),
    },
    { reloads: true, reloadMs: 20 },
  );
  await trainSmall(cwd, 'classifier', {
    runDir: run,
    set: ['train.maxSteps=40', 'train.checkpoint.keep=10'],
    resume: true,
  });
  await expect.poll(() => served.heard.length).toBe(1);
  await sleep(100);
  expect(served.heard).toEqual([
    `The run has another checkpoint, which cannot be served: damaged. ${join(run, 'checkpoints/step-00000030')} goes on answering.`,
  ]);
  expect((await ask(served, texts)).checkpoint).toBe('step-00000030');
  // Whenever the run has changed it is tried again.
  expect(closed).toBeGreaterThan(0);
  expect(closed).toBe(opened - 1);
});
