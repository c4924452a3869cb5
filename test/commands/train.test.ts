import { execFileSync } from 'node:child_process';
import { copyFile, mkdtemp, open, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { Config } from '../../src/config/schema.js';
import type { Library } from '../../src/commands/library.js';
import type { EndEvent } from '../../src/events.js';
import { startEvent, stepEvent } from '../observe/events.js';
import { runWith } from './stub.js';

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lockstep-train-'));
  file = join(folder, 'tiny.yaml');
  await writeFile(file, 'task: classify\ndata: { train: a.csv }\n');
});
afterEach(() => rm(folder, { recursive: true }));

const end: EndEvent = {
  type: 'end',
  reason: 'finished',
  step: 2,
  duration: 3,
  checkpoint: 'c/step-00000002',
  best: { step: 1, loss: 0.5, accuracy: 0.9 },
};

test('options go before --set, which goes before the file', async () => {
  let seen: { config: Config; runDir: string; resume: boolean } | undefined;
  const train: Library['train'] = (config, { runDir, resume }) => {
    seen = { config, runDir, resume };
    return Promise.resolve(end);
  };
  const { status } = await runWith(
    [
      'train',
      '--config',
      file,
      '--workers',
      '3',
      '--backend=wasm',
      '--resume',
      '--set',
      'train.seed=5',
      '--set',
      'train.epochs=1',
      'data.maxLength=9',
    ],
    { train },
  );
  expect(status).toBe(0);
  expect(seen).toMatchObject({
    runDir: join('runs', 'tiny'),
    resume: true,
    config: {
      workers: 3,
      backend: 'wasm',
      train: { seed: 5, epochs: 1 },
      data: { maxLength: 9 },
    },
  });
});

test('a run is shown, logged, served, and summed up with what to do next', async () => {
  const { status, stdout, stderr } = await runWith(
    ['train', '--config', file, '--run-dir', folder, '--metrics-port', '0'],
    {
      async train(config, { runDir, listener }) {
        expect(config.metrics.port).toBe(0);
        listener(startEvent({ runDir }));
        listener(stepEvent(1));
        listener({ type: 'notice', message: 'halfway' });
        listener(end);
        await Promise.resolve();
        return end;
      },
    },
  );
  expect(status).toBe(0);
  expect(stderr).toMatch(/Live page at http:\/\/127\.0\.0\.1:\d+\//);
  expect(stderr).toContain('halfway\n');
  expect(stderr).toContain('Step 1/100');
  expect(stdout).toBe(
    [
      'Finished after step 2 in 3.0 s.',
      'Best validation loss 0.5000 (accuracy 90.0 %) after step 1: c/step-00000001',
      'Checkpoint: c/step-00000002',
      `Next: echo 'a text of your own' | lockstep predict ${folder}`,
      `  or: lockstep evaluate ${folder}`,
      '',
    ].join('\n'),
  );
  const log = (await readFile(join(folder, 'metrics.jsonl'), 'utf8')).trim().split('\n');
  expect(log.map((line) => (JSON.parse(line) as { type: string }).type)).toEqual([
    'start',
    'step',
    'notice',
    'end',
  ]);
});

test('with --json events are all that there is, one a line, as in metrics.jsonl', async () => {
  const { status, stdout, stderr } = await runWith(
    ['train', '--config', file, '--run-dir', folder, '--json'],
    {
      async train(_, { listener }) {
        listener(startEvent({ runDir: folder }));
        listener(stepEvent(1));
        listener(end);
        await Promise.resolve();
        return end;
      },
    },
  );
  expect([status, stderr]).toEqual([0, '']);
  const withoutTime = (lines: string) => lines.replaceAll(/"time":"[^"]*"/g, '');
  const log = await readFile(join(folder, 'metrics.jsonl'), 'utf8');
  expect(withoutTime(stdout)).toBe(withoutTime(log));
  expect(log.trim().split('\n')).toHaveLength(3);
});

test('with --quiet there is what came out, and what went wrong', async () => {
  const { stdout, stderr } = await runWith(
    ['train', '--config', file, '--run-dir', folder, '--quiet'],
    {
      async train(_, { listener }) {
        listener(startEvent({ runDir: folder }));
        listener(stepEvent(1));
        listener({ type: 'notice', message: 'halfway' });
        listener({ type: 'checkpoint-failed', step: 1, reason: 'no space left on device' });
        listener(end);
        await Promise.resolve();
        return end;
      },
    },
  );
  expect(stderr).toMatch(/^The checkpoint after step 1 could not be written: .*\n$/);
  expect(stdout).toMatch(/^Finished after step 2 /);
});

test('with --dry-run it is told what the run would be, and how to start it; nothing is trained', async () => {
  const look = {
    ...{ start: startEvent(), layers: [], storeDir: 'stores/x', timedSteps: 12 },
    ...{ stepSeconds: 0.02, stepTokens: 320, stepFlops: 2e9 },
    ...{ evaluations: 3, evaluationSeconds: 0.5, totalSeconds: 3.5 },
  };
  const words = ['train', '--config', file, '--set', 'train.epochs=3', '--dry-run'];
  const library = { dryRun: () => Promise.resolve(look) };
  const { status, stdout } = await runWith(words, library);
  expect(status).toBe(0);
  expect(stdout).toContain('The prepared data in stores/x fits, and train takes it.\n');
  expect(stdout).toContain('320 tokens, 2 GFLOP in 20.0 ms (16,000 tokens/s, 100 GFLOP/s)');
  expect(stdout).toContain('about 3.5 s for 100 steps and 3 evaluations, of about 500.0 ms each');
  expect(stdout).toMatch(/Next: lockstep train --config \S+ --set train.epochs=3\n$/);
  const json = await runWith([...words, '--json'], library);
  expect(JSON.parse(json.stdout)).toEqual(look);
  const resumed = await runWith([...words, '--resume'], library);
  expect(resumed.stderr).toBe('--dry-run: expected without --resume\n');
});

test.each([129, 130, 143])(
  'a signal aborts the run, is told, and gives status %i',
  async (number) => {
    const { status, stdout, stderr } = await runWith(
      ['train', '--config', file, '--run-dir', folder],
      {
        train: (_, { signal, listener }) =>
          new Promise((resolve) => {
            listener(startEvent({ runDir: folder }));
            signal!.addEventListener('abort', () => resolve({ ...end, reason: 'stopped' }));
          }),
      },
      { signalStatus: number },
    );
    expect(status).toBe(number);
    expect(stderr).toContain('Stopping: this step is finished and a checkpoint written');
    expect(stdout).toContain(
      `To go on: lockstep train --config ${file} --run-dir ${folder} --resume`,
    );
  },
);

const stopped: Library['train'] = () => Promise.resolve({ ...end, reason: 'stopped' });

/** The words that a shell makes of what a stopped run says to go on with. */
async function pasteHint(config: string, runDir: string): Promise<string[]> {
  const args = ['train', '--config', config, '--run-dir', runDir];
  const { stdout } = await runWith(args, { train: stopped });
  const hint = /^To go on: lockstep (.*)$/m.exec(stdout)![1]!;
  const words = execFileSync('sh', ['-c', `printf '%s\\n' ${hint}`], { encoding: 'utf8' });
  return words.trim().split('\n');
}

test('the way to go on can be pasted, whatever the names are', async () => {
  const config = join(folder, "it's (my) first.yaml");
  const runDir = join(folder, 'run $1 & more');
  await copyFile(file, config);
  expect(await pasteHint(config, runDir)).toEqual(
    ['train', '--config', config, '--run-dir', runDir].concat('--resume'),
  );
});

test("the way to go on names the run's own config where another came by a descriptor", async () => {
  const handle = await open(file);
  try {
    const words = await pasteHint(`/proc/self/fd/${handle.fd}`, folder);
    expect(words).toContain(join(folder, 'config.yaml'));
  } finally {
    await handle.close();
  }
});

test('a signal that comes when all is done changes nothing', async () => {
  const train: Library['train'] = () => Promise.resolve(end);
  const { status } = await runWith(['train', '--config', file], { train }, { signalStatus: 130 });
  expect(status).toBe(0);
});

test('a wrong config is refused before anything is loaded', async () => {
  await writeFile(file, 'task: classify\ndata: { train: a.csv }\ntrian: 1\n');
  expect(await runWith(['train', '--config', file])).toEqual({
    status: 1,
    stdout: '',
    stderr: `${file}:3:1: trian: unknown key; did you mean train?\n`,
  });
});
