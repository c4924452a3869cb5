import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
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
const totalSteps = 200;

function argsOf(config: string, runDir: string, options: string[]): string[] {
  const set = [`train.maxSteps=${totalSteps}`, 'train.checkpoint.everySteps=10'];
  return [
    ...['train', '--config', `${config}.yaml`, '--run-dir', runDir],
    ...options,
    ...['--set', ...set],
  ];
}

/** In a process of its own, to be disturbed. */
function train(config: string, runDir: string, ...options: string[]): Started {
  return start(cwd, argsOf(config, runDir, options));
}

/** To its end, which must be a good one. */
function trainOut(config: string, runDir: string, ...options: string[]) {
  return succeed(cwd, argsOf(config, runDir, options));
}

/** Sends a signal and gives how the process ended. */
async function end(run: Started, signal: NodeJS.Signals) {
  run.child.kill(signal);
  return run.ended;
}

describe.each(['classifier', 'language-model'])('a %s', (config) => {
  let undisturbed: ReturnType<typeof readTensors>;
  beforeAll(async () => {
    const runDir = join(cwd, 'runs', `${config}-undisturbed`);
    await trainOut(config, runDir, '--workers', '2');
    undisturbed = readTensors(runDir);
  });

  /** Goes on to the end and compares with the run that nobody disturbed. */
  async function finish(runDir: string, ...options: string[]): Promise<void> {
    const outcome = await trainOut(config, runDir, '--resume', ...options);
    expect(outcome.stderr).toContain(`Going on from ${join(runDir, 'checkpoints', 'step-')}`);
    const tensors = readTensors(runDir);
    expect(tensors.name).toBe(undisturbed.name);
    expect(tensors.model.equals(undisturbed.model)).toBe(true);
    expect(tensors.optimizer.equals(undisturbed.optimizer)).toBe(true);
    expect(loggedSteps(runDir)).toEqual(stepsTo(totalSteps));
    expect(readFileSync(join(runDir, 'latest'), 'utf8')).toBe(`${tensors.name}\n`);
    // Nothing half-written stays behind, nor a lock.
    expect(listCheckpoints(runDir).filter((name) => name.startsWith('.'))).toEqual([]);
    expect(existsSync(join(runDir, 'lock'))).toBe(false);
  }

  it('stopped by SIGTERM and SIGINT goes on to the same bytes with other numbers of workers', async () => {
    const runDir = join(cwd, 'runs', `${config}-stopped`);
    let last = 0;
    const stops = [
      { signal: 'SIGTERM', status: 143, options: ['--workers', '1'] },
      { signal: 'SIGINT', status: 130, options: ['--workers', '3', '--resume'] },
    ] as const;
    for (const { signal, status, options } of stops) {
      const run = train(config, runDir, ...options);
      await untilStep(run, runDir, last + 33);
      const outcome = await end(run, signal);
      expect(outcome.status).toBe(status);
      expect(outcome.signal).toBeNull();
      expect(outcome.stdout).toMatch(
        /^Stopped after step \d+ in [^]*\nTo go on: node \S+lockstep\.js train /,
      );
      expect(outcome.stderr).toContain('Stopping: ');
      // The step under way is finished, and nothing that is done is lost.
      last = loggedSteps(runDir).at(-1)!;
      expect(last).toBeLessThan(totalSteps);
      expect(listCheckpoints(runDir).at(-1)).toBe(`step-${String(last).padStart(8, '0')}`);
    }
    await finish(runDir, '--workers', '2');
  });

  it('killed again and again goes on to the same bytes', async () => {
    const runDir = join(cwd, 'runs', `${config}-killed`);
    const isWriting = () => listCheckpoints(runDir).some((name) => name.startsWith('.'));
    const newest = () => newestStep(runDir);
    let last = 0;
    const kills = [
      // In the middle of writing a checkpoint, and again right behind a resume.
      { moment: (run: Started) => until(run, () => last + 30 < newest() && isWriting()) },
      { moment: (run: Started) => until(run, () => run.stderr().includes('Going on from')) },
      { moment: (run: Started) => untilStep(run, runDir, last + 17) },
    ];
    for (const [index, { moment }] of kills.entries()) {
      const resume = index === 0 ? [] : ['--resume'];
      const run = train(config, runDir, '--workers', String(1 + (index % 2)), ...resume);
      await moment(run);
      expect((await end(run, 'SIGKILL')).signal).toBe('SIGKILL');
      last = newest();
    }
    await finish(runDir, '--workers', '2');
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
  const options = ['--workers', '1', '--set', 'train.evaluateEverySteps=1000'];
  const late = ['train.checkpoint.everySteps=1000', 'train.maxSteps=200'];
  const args = ['train', '--config', 'classifier.yaml', '--run-dir', runDir, ...options, ...late];
  const run = start(cwd, args);
  await untilStep(run, runDir, 20);
  await end(run, 'SIGKILL');
  expect(listCheckpoints(runDir)).toEqual([]);
  await succeed(cwd, [...args, '--resume']);
  expect(loggedSteps(runDir)).toEqual(stepsTo(200));
});

it('a second process is refused while the first goes on, and let in when that was killed', async () => {
  const runDir = join(cwd, 'runs/shared');
  // So long that it ends by the kill alone.
  const long = ['train.epochs=100000', 'train.maxSteps=1000000', 'train.checkpoint.everySteps=10'];
  const args = ['train', '--config', 'classifier.yaml', '--run-dir', runDir, '--workers', '1'];
  const first = start(cwd, [...args, '--set', ...long]);
  await untilStep(first, runDir, 2);
  const refused = await train('classifier', runDir, '--workers', '1', '--resume').ended;
  expect(refused.status).toBe(1);
  expect(refused.stderr).toBe(
    `${runDir} is in use by another process (pid ${first.child.pid!}): ` +
      'wait until it has ended, or name another directory with --run-dir\n',
  );
  await end(first, 'SIGKILL');
  await trainOut('classifier', runDir, '--workers', '1', '--resume');
});
