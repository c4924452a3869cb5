import { once } from 'node:events';
import { existsSync, readFileSync, watch, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  listCheckpoints,
  loggedSteps,
  newestStep,
  readTensors,
  start,
  type Started,
  stepsTo,
  succeed,
  until,
  untilStep,
} from '../e2e/cli.js';
import { makeWorkplace } from '../e2e/corpus.js';

const cwd = makeWorkplace();

/** So many that a run ends by what is done to it alone, however long that takes to reach it. */
const ENDLESS = 1_000_000;

function argsOf(config: string, runDir: string, steps: number, options: string[]): string[] {
  const set = [
    ...[`train.maxSteps=${steps}`, `train.epochs=${ENDLESS}`],
    ...['train.checkpoint.everySteps=10', 'train.evaluateEverySteps=50'],
  ];
  return [
    ...['train', '--config', `${config}.yaml`, '--run-dir', runDir],
    ...options,
    ...['--set', ...set],
  ];
}

/** In a process of its own, to be disturbed. */
function train(config: string, runDir: string, ...options: string[]): Started {
  return start(cwd, argsOf(config, runDir, ENDLESS, options));
}

/** To its end, which must be a good one. */
function trainOut(config: string, runDir: string, steps: number, ...options: string[]) {
  return succeed(cwd, argsOf(config, runDir, steps, options));
}

/** Sends a signal and gives how the process ended. */
async function end(run: Started, signal: NodeJS.Signals) {
  run.child.kill(signal);
  return run.ended;
}

describe.each([
  ['classifier', 'float32'],
  ['language-model', 'float32'],
  ['language-model', 'bfloat16'],
])('a %s in %s', (config, precision) => {
  const name = `${config}-${precision}`;
  const inPrecision = ['--set', `train.precision=${precision}`];

  /** Goes on for some steps more, and compares with a run of as many that nobody disturbed. */
  async function finish(runDir: string): Promise<void> {
    const steps = newestStep(runDir) + 15;
    const outcome = await trainOut(
      config,
      runDir,
      steps,
      '--resume',
      '--workers',
      '2',
      ...inPrecision,
    );
    expect(outcome.stderr).toContain(`Going on from ${join(runDir, 'checkpoints', 'step-')}`);
    await trainOut(config, `${runDir}-undisturbed`, steps, '--workers', '2', ...inPrecision);
    const undisturbed = readTensors(`${runDir}-undisturbed`);
    const tensors = readTensors(runDir);
    expect(tensors.name).toBe(undisturbed.name);
    expect(tensors.model.equals(undisturbed.model)).toBe(true);
    expect(tensors.optimizer.equals(undisturbed.optimizer)).toBe(true);
    expect(loggedSteps(runDir)).toEqual(stepsTo(steps));
    expect(readFileSync(join(runDir, 'latest'), 'utf8')).toBe(`${tensors.name}\n`);
    // Nothing half-written stays behind, nor a lock.
    expect(listCheckpoints(runDir).filter((name) => name.startsWith('.'))).toEqual([]);
    expect(existsSync(join(runDir, 'lock'))).toBe(false);
  }

  it('stopped by SIGTERM and SIGINT goes on to the same bytes with other numbers of workers', async () => {
    const runDir = join(cwd, 'runs', `${name}-stopped`);
    let last = 0;
    const stops = [
      { signal: 'SIGTERM', status: 143, options: ['--workers', '1'] },
      { signal: 'SIGINT', status: 130, options: ['--workers', '3', '--resume'] },
    ] as const;
    for (const { signal, status, options } of stops) {
      const run = train(config, runDir, ...options, ...inPrecision);
      await untilStep(run, runDir, last + 13);
      const outcome = await end(run, signal);
      expect(outcome.status).toBe(status);
      expect(outcome.signal).toBeNull();
      expect(outcome.stdout).toMatch(
        /^Stopped after step \d+ in [^]*\nTo go on: node \S+lockstep\.js train /,
      );
      expect(outcome.stderr).toContain('Stopping: ');
      // The step under way is finished, and nothing that is done is lost.
      last = loggedSteps(runDir).at(-1)!;
      expect(listCheckpoints(runDir).at(-1)).toBe(`step-${String(last).padStart(8, '0')}`);
    }
    await finish(runDir);
  });

  it('killed again and again goes on to the same bytes', async () => {
    const runDir = join(cwd, 'runs', `${name}-killed`);
    const newest = () => newestStep(runDir);
    let last = 0;
    const kills = [
      // As soon as the second checkpoint begins to be written, and again right behind a resume.
      {
        moment: async (run: Started) => {
          await until(run, () => existsSync(join(runDir, 'latest')));
          const checkpoints = watch(join(runDir, 'checkpoints'));
          await once(checkpoints, 'change');
          checkpoints.close();
        },
      },
      { moment: (run: Started) => until(run, () => run.stderr().includes('Going on from')) },
      { moment: (run: Started) => untilStep(run, runDir, last + 7) },
    ];
    for (const [index, { moment }] of kills.entries()) {
      const resume = index === 0 ? [] : ['--resume'];
      const run = train(
        config,
        runDir,
        '--workers',
        String(1 + (index % 2)),
        ...resume,
        ...inPrecision,
      );
      await moment(run);
      expect((await end(run, 'SIGKILL')).signal).toBe('SIGKILL');
      last = newest();
    }
    await finish(runDir);
  });
});

it('a run stopped while it prepares ends at once, and can be started again', async () => {
  const runDir = join(cwd, 'runs/preparing');
  const write = (times: number) =>
    writeFileSync(
      join(cwd, 'long.csv'),
      `text,label\n${'the sea is blue,blue\na leaf,green\n'.repeat(times)}`,
    );
  write(200_000);
  const options = ['--workers', '1', '--set', 'data.train=long.csv', 'train.maxSteps=2'];
  const args = ['train', '--config', 'classifier.yaml', '--run-dir', runDir, ...options];
  const run = start(cwd, args);
  await until(run, () => existsSync(join(runDir, 'lock')));
  const outcome = await end(run, 'SIGINT');
  expect(outcome.status).toBe(130);
  expect(outcome.stderr).toContain('Stopped before the first step.');
  expect(listCheckpoints(runDir)).toEqual([]);
  write(200);
  await succeed(cwd, args);
});

it('a run killed before its first checkpoint starts again from the beginning', async () => {
  const runDir = join(cwd, 'runs/early');
  const never = ['evaluateEverySteps', 'checkpoint.everySteps', 'epochs', 'maxSteps'];
  const set = never.map((key) => `train.${key}=${ENDLESS}`);
  const args = ['train', '--config', 'classifier.yaml', '--run-dir', runDir, '--workers', '1'];
  const run = start(cwd, [...args, '--set', ...set]);
  await untilStep(run, runDir, 20);
  await end(run, 'SIGKILL');
  expect(listCheckpoints(runDir)).toEqual([]);
  await succeed(cwd, [...args, '--resume', '--set', ...set, 'train.maxSteps=30']);
  expect(loggedSteps(runDir)).toEqual(stepsTo(30));
});

it('a second process is refused while the first goes on, and let in when that was killed', async () => {
  const runDir = join(cwd, 'runs/shared');
  const first = train('classifier', runDir, '--workers', '1');
  await untilStep(first, runDir, 2);
  const refused = await train('classifier', runDir, '--workers', '1', '--resume').ended;
  expect(refused.status).toBe(1);
  expect(refused.stderr).toBe(
    `${runDir} is in use by another process (pid ${first.child.pid!}): ` +
      'wait until it has ended, or name another directory with --run-dir\n',
  );
  await end(first, 'SIGKILL');
  const steps = newestStep(runDir) + 10;
  await trainOut('classifier', runDir, steps, '--workers', '1', '--resume');
  expect(loggedSteps(runDir)).toEqual(stepsTo(steps));
});
