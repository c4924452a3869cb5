import { cpSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { chooseBackend, choosePrecision } from '../../src/backend/select.js';
import { formatState, readState } from '../../src/checkpoint/run-state.js';
import type { NamedConfig } from '../../src/config/load.js';
import { prepareCorpus } from '../../src/data/prepare/prepare.js';
import type { EvaluationEvent } from '../../src/events.js';
import { averageCheckpoints } from '../../src/run/average.js';
import { RunDirectory } from '../../src/run/run-directory.js';
import { openModel } from '../../src/use/model-file.js';
import { makeWorkplace } from '../e2e/corpus.js';
import {
  noticesOf,
  readResult,
  trainSmall,
  type SmallRun,
  type SmallRunOptions,
} from '../faults/small-run.js';

/** What `train.precision` does to whole runs. */

const cwd = makeWorkplace();
const BFLOAT16 = 'train.precision=bfloat16';
const profile = chooseBackend('auto', 'bfloat16').profile;

/** Steps of a run, and those after which it is stopped on the way. */
const STEPS = 12;
const STOP = 'train.maxSteps=7';

const place = (name: string): string => join(cwd, 'runs', name);

/** Some steps, with a checkpoint every five. */
function trainSome(
  name: 'classifier' | 'language-model',
  { set = [], ...options }: SmallRunOptions,
): Promise<SmallRun> {
  const usual = [`train.maxSteps=${STEPS}`, 'train.checkpoint.everySteps=5'];
  return trainSmall(cwd, name, { ...options, set: [...usual, ...set] });
}

/** A run that must come to its end. */
async function trained(
  name: 'classifier' | 'language-model',
  runDir: string,
  set: string[],
  resume = false,
): Promise<SmallRun> {
  const run = await trainSome(name, { runDir, set, resume });
  expect(run.error).toBeUndefined();
  return run;
}

/** @param steps as checkpoints are named */
const checkpointOf = (runDir: string, steps = STEPS): string =>
  join(runDir, 'checkpoints', `step-${String(steps).padStart(8, '0')}`);

afterEach(() => vi.unstubAllEnvs());

describe.each(['classifier', 'language-model'] as const)('a %s in bfloat16', (name) => {
  const runDir = place(name);
  let alone: ReturnType<typeof readResult>;
  let run: SmallRun;
  beforeAll(async () => {
    run = await trained(name, runDir, [BFLOAT16, 'workers=1']);
    alone = readResult(runDir);
  });

  it.each([2, 3, 5, 7])(
    'trained by %i workers has the bytes of one trained by one',
    async (workers) => {
      const other = `${runDir}-${workers}`;
      await trained(name, other, [BFLOAT16, `workers=${workers}`]);
      expect(readResult(other)).toEqual(alone);
    },
  );

  it('trained by 7 workers in 3 teams has the same bytes', async () => {
    const other = `${runDir}-teams`;
    await trained(name, other, [BFLOAT16, 'workers=7', 'teams=3']);
    expect(readResult(other)).toEqual(alone);
  });

  it('that goes on from the middle has the same bytes', async () => {
    const other = `${runDir}-resumed`;
    await trained(name, other, [BFLOAT16, STOP, 'workers=2']);
    await trained(name, other, [BFLOAT16, 'workers=3'], true);
    expect(readResult(other)).toEqual(alone);
  });

  it('has other bytes than one in float32', async () => {
    await trained(name, `${runDir}-float32`, []);
    expect(readResult(`${runDir}-float32`)).not.toEqual(alone);
  });

  it('tells its profile in checkpoints, history and events', async () => {
    const start = run.events.find(({ type }) => type === 'start');
    expect(start).toMatchObject({ backend: { profile, precision: 'bfloat16' } });
    expect((await readState(checkpointOf(runDir))).profile).toBe(profile);
    expect(await new RunDirectory(runDir).readHistory()).toMatchObject([{ profile }]);
  });
});

it('a run that is resumed in another precision is refused by name, and taken where that is asked for', async () => {
  const runDir = place('changed');
  await trained('classifier', runDir, [STOP]);
  const { error } = await trainSome('classifier', { runDir, set: [BFLOAT16], resume: true });
  expect(String(error)).toContain(
    `${runDir} holds a run of another config (train.precision: "float32" → "bfloat16"): ` +
      'use that config or another --run-dir, or add --override to go on with the changed one',
  );
  const override = { runDir, set: [BFLOAT16], resume: true, override: true };
  const taken = await trainSome('classifier', override);
  expect(taken.error).toBeUndefined();
  expect(noticesOf(taken)).toContain(
    `The run so far was computed with ${chooseBackend('auto').profile}, from here on with ${profile}: bits will differ.`,
  );
  expect(await new RunDirectory(runDir).readHistory()).toMatchObject([
    { overridden: [] },
    { overridden: ['train.precision'] },
  ]);
});

describe('auto', () => {
  const auto = 'train.precision=auto';

  it('stands for bfloat16 with AMX alone, is settled once for a run, and told of in one line', async () => {
    const runDir = place('auto');
    const taken = choosePrecision('auto');
    const run = await trained('classifier', runDir, [auto, STOP]);
    const told = noticesOf(run).filter((notice) => notice.includes('precision'));
    expect(told).toEqual([
      expect.stringMatching(`^train.precision: auto stands for ${taken}, [^.]+\\.$`),
    ]);
    expect((await new RunDirectory(runDir).readConfig()).train.precision).toBe(taken);
    expect((await readState(checkpointOf(runDir, 7))).config).toMatchObject({
      train: { precision: taken },
    });
  });

  it.each(['wasm', 'reference'] as const)('stands for float32 on %s', (backend) => {
    expect(choosePrecision(backend)).toBe('float32');
  });

  it.each(['float32', 'bfloat16'])(
    'stands for %s where a run was begun with it, whatever the machine has',
    async (precision) => {
      const runDir = place(`auto-${precision}`);
      await trained('classifier', runDir, [
        `train.precision=${precision}`,
        ...[STOP, 'backend=wasm'],
      ]);
      const resumed = await trained('classifier', runDir, [auto], true);
      expect(noticesOf(resumed)).toContain(
        `train.precision: auto stands for ${precision}, with which the run was begun.`,
      );
      expect((await new RunDirectory(runDir).readConfig()).train.precision).toBe(precision);
    },
  );
});

it('a checkpoint of a version that knew of no precision is one of float32', async () => {
  const runDir = place('early');
  await trained('classifier', runDir, [STOP]);
  const checkpoint = checkpointOf(runDir, 7);
  await rewriteState(checkpoint, (train) => delete train['precision']);
  const file = join(runDir, 'config.yaml');
  writeFileSync(file, readFileSync(file, 'utf8').replace(/^ +precision: .*\n/m, ''));
  const model = await openModel(runDir);
  expect(model.config.train.precision).toBe('float32');
  await model.close();
  await trained('classifier', runDir, [], true);
  await trained('classifier', place('late'), []);
  expect(readResult(runDir)).toEqual(readResult(place('late')));
});

/** Changes what a checkpoint has signed of `train`. */
async function rewriteState(
  checkpoint: string,
  change: (train: Record<string, unknown>) => void,
): Promise<void> {
  const { files, ...progress } = await readState(checkpoint);
  change(progress.config!['train'] as Record<string, unknown>);
  writeFileSync(join(checkpoint, 'state.json'), formatState(progress, files));
}

describe('a model that was trained in bfloat16', () => {
  const runDir = place('used');
  let last: EvaluationEvent;
  let config: NamedConfig;
  beforeAll(async () => {
    const run = await trained('classifier', runDir, [BFLOAT16]);
    last = run.events.findLast((event) => event.type === 'evaluation')!;
    config = await new RunDirectory(runDir).readConfig();
  });

  it('is used in bfloat16: an evaluation has the bits of that of the training', async () => {
    expect(await lossOf(runDir, config)).toBe(last.loss);
    // The same weights mean something else to float32.
    const other = place('misread');
    cpSync(runDir, other, { recursive: true });
    await rewriteState(checkpointOf(other), (train) => (train['precision'] = 'float32'));
    const loss = await lossOf(other, config);
    expect(loss).not.toBe(last.loss);
    expect(loss).toBeCloseTo(last.loss, 2);
  });

  it('has no mean with one that was trained in float32', async () => {
    const other = place('single');
    await trained('classifier', other, []);
    const [first, second] = [checkpointOf(runDir), checkpointOf(other)];
    await expect(averageCheckpoints([first, second], place('mean'))).rejects.toThrow(
      `${second} was trained with other products than ${first} (train.precision: "bfloat16" → "float32"): average checkpoints of one precision`,
    );
    await averageCheckpoints([first, checkpointOf(runDir, 10)], place('mean'));
    const mean = await openModel(place('mean'));
    expect(mean.config.train.precision).toBe('bfloat16');
    await mean.close();
  });
});

/** Of a run's latest checkpoint, on its validation split. */
async function lossOf(runDir: string, config: NamedConfig): Promise<number> {
  const corpus = await prepareCorpus(config, () => undefined);
  const model = await openModel(runDir, { checkpoint: 'latest', notify: () => undefined });
  try {
    return (await model.evaluate(corpus.validation!)).loss;
  } finally {
    await model.close();
    await corpus.close();
  }
}
