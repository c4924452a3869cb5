import { checkOptimizer } from '../../src/optimizers/check.js';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { chooseBackend } from '../../src/backend/select.js';
import { parseConfig } from '../../src/config/load.js';
import { UserError } from '../../src/errors.js';
import { Snapshot } from '../../src/checkpoint/checkpoint.js';
import { CheckpointWriter } from '../../src/run/checkpoint-writer.js';
import type { RunFileSystem } from '../../src/system/disk.js';
import { admitResume } from '../../src/run/admission.js';
import { describeStack } from '../../src/model/graph/stack.js';
import { Engine } from '../../src/compute/engine.js';
import { allocateEngine } from '../../src/compute/allocate-engine.js';
import type { TrainEvent } from '../../src/events.js';
import { RunDirectory } from '../../src/run/run-directory.js';
import type { Progress } from '../../src/checkpoint/run-state.js';
import { createLocalRunner } from '../../src/compute/runner.js';
import { FailingDisk } from './failing-disk.js';

const config = parseConfig('task: language-model\ndata: { train: a.txt }', 'x.yaml');
// In memory where possible: some hundred directories are copied.
const memory = '/dev/shm';
const scratch = mkdtempSync(path.join(existsSync(memory) ? memory : tmpdir(), 'checkpoint-disk-'));
const directory = path.join(scratch, 'run');
const prepared = path.join(scratch, 'prepared');
let snapshot: Snapshot;

function soundDisk(): FailingDisk {
  return new FailingDisk(() => undefined);
}

/** Keeps one checkpoint, so that every mistake shows. */
function createWriter(
  fs: RunFileSystem = soundDisk(),
  events: TrainEvent[] = [],
  written?: Progress,
) {
  return new CheckpointWriter(
    new RunDirectory(directory, fs),
    snapshot,
    { keep: 1, keepEvery: null },
    (event) => events.push(event),
    written,
  );
}

function progressAt(step: number): Progress {
  return {
    step,
    position: { epoch: 0, batch: step, stepsPerEpoch: 100 },
    seed: 1,
    profile: 'fma-float32',
    corpus: 'abc',
    vocabulary: 'def',
    validation: { step, withoutImprovement: 0, best: { step, loss: 1, accuracy: 0.5 } },
  };
}

/** Step of the checkpoint that a resume would go on from, if a kill came now. */
async function resumableStep(): Promise<number | undefined> {
  const copy = mkdtempSync(path.join(scratch, 'killed-'));
  cpSync(directory, copy, { recursive: true });
  const run = new RunDirectory(copy, soundDisk());
  const { found } = await admitResume(run, config, false, () => undefined);
  rmSync(copy, { recursive: true });
  return found?.state.step;
}

beforeAll(async () => {
  const handle = allocateEngine(chooseBackend('auto').kind, {
    shape: describeStack({
      ...{ vocabulary: 9, embedding: { width: 4 }, dropout: 0, predicts: 'token', outputs: 9 },
      layers: [{ kind: 'lstm', hiddenSize: 5 }],
    }),
    ...{ maxRows: 2, maxTokens: 8, maxSteps: 4, parts: 1, teams: 1, shards: 1 },
    ...{ seed: 1, training: true, optimizer: checkOptimizer('adam') },
  });
  const engine = new Engine(handle, createLocalRunner(handle));
  await engine.initialize(1);
  snapshot = new Snapshot(engine);
  await new RunDirectory(directory).begin({ config, vocabulary: '', history: [] });
  await createWriter().writeLast(0, progressAt(1));
  cpSync(directory, prepared, { recursive: true });
});

function restore(): void {
  rmSync(directory, { recursive: true });
  cpSync(prepared, directory, { recursive: true });
}
beforeEach(restore);
afterAll(() => rmSync(scratch, { recursive: true }));

/** A checkpoint that adds to, and one that takes the place of, the one that is there. */
describe.each([
  { what: 'the next checkpoint', step: 2 },
  { what: 'the same checkpoint again', step: 1 },
])('while $what is written', ({ step }) => {
  /** What is asked of the disk when nothing fails. */
  async function listOperations(): Promise<FailingDisk['operations']> {
    const disk = soundDisk();
    await createWriter(disk).writeLast(0, progressAt(step));
    restore();
    return disk.operations;
  }

  it('a kill behind any operation leaves a whole checkpoint', async () => {
    const found = new Set<number | undefined>();
    const disk = new FailingDisk(
      () => undefined,
      async () => {
        found.add(await resumableStep());
      },
    );
    await createWriter(disk).writeLast(0, progressAt(step));
    expect([...found]).toEqual(step === 1 ? [1] : [1, 2]);
    const kinds = new Set(disk.operations.map(({ kind }) => kind));
    for (const kind of ['open', 'write', 'sync', 'mkdir', 'rename', 'rm'] as const) {
      expect(kinds).toContain(kind);
    }
  });

  it.each([
    { kind: 'EIO once', fault: 'EIO', lasts: false },
    { kind: 'ENOSPC from then on', fault: 'ENOSPC', lasts: true },
    { kind: 'a short write', fault: 'short', lasts: false },
  ] as const)('$kind leaves a whole checkpoint, and one sentence', async ({ fault, lasts }) => {
    const operations = await listOperations();
    for (const { index, ...failing } of operations) {
      if (fault === 'short' && failing.kind !== 'write') continue;
      restore();
      const disk = new FailingDisk((operation) =>
        operation.index === index || (lasts && operation.index > index) ? fault : undefined,
      );
      const events: TrainEvent[] = [];
      const writer = createWriter(disk, events, progressAt(0));
      const error: unknown = await writer
        .writeLast(0, progressAt(step))
        .then(() => undefined)
        .catch((caught: unknown) => caught);
      const where = `${failing.kind} ${failing.path}`;
      if (error === undefined) {
        expect(await resumableStep(), where).toBe(step);
        continue;
      }
      expect(fault, where).not.toBe('short');
      expect(error, where).toBeInstanceOf(UserError);
      expect((error as UserError).message).toMatch(
        /checkpoints: the checkpoint after step \d could not be written \(.* \((EIO|ENOSPC)\)\); the one after step 0 is kept: go on from there with --resume$/,
      );
      expect(events).toMatchObject([{ type: 'checkpoint-failed', step }]);
      expect([1, step], where).toContain(await resumableStep());
    }
  });
});

it('a failed checkpoint is told, and the next one is written', async () => {
  let full = true;
  const disk = new FailingDisk(() => (full ? 'ENOSPC' : undefined));
  const events: TrainEvent[] = [];
  const writer = createWriter(disk, events);
  await writer.write(0, progressAt(2));
  await writer.settle();
  full = false;
  await writer.write(0, progressAt(3));
  await writer.settle();
  expect(events).toMatchObject([
    { type: 'checkpoint-failed', step: 2, reason: 'no space left on device (ENOSPC)' },
    { type: 'checkpoint', step: 3 },
  ]);
  expect(readdirSync(path.join(directory, 'checkpoints'))).toEqual(['step-00000003']);
  expect(readFileSync(path.join(directory, 'latest'), 'utf8')).toBe('step-00000003\n');
});

it('a failed checkpoint gives its space free', async () => {
  const disk = new FailingDisk(({ kind, path }) =>
    kind === 'sync' && path.includes('optimizer') ? 'EIO' : undefined,
  );
  await expect(createWriter(disk).writeLast(0, progressAt(2))).rejects.toThrow(UserError);
  expect(readdirSync(path.join(directory, 'checkpoints'))).toEqual(['step-00000001']);
});

it.each(['EIO', 'short'] as const)(
  '%s at any operation of a resume finds a checkpoint or ends with one sentence',
  async (fault) => {
    await createWriter().writeLast(0, progressAt(2));
    const resume = (fs: RunFileSystem, said: string[]) =>
      admitResume(new RunDirectory(directory, fs), config, false, (message) => said.push(message));
    const untouched = soundDisk();
    await resume(untouched, []);
    for (const { index, ...failing } of untouched.operations) {
      if (fault === 'short' && !['read', 'write'].includes(failing.kind)) continue;
      const disk = new FailingDisk((operation) => (operation.index === index ? fault : undefined));
      const where = `${failing.kind} ${failing.path}`;
      const said: string[] = [];
      try {
        const { found } = await resume(disk, said);
        expect(found?.state.step, where).toBe(2);
        expect(said, where).toEqual([]);
      } catch (error) {
        expect(error, where).toBeInstanceOf(UserError);
        expect((error as UserError).message, where).not.toContain('\n');
      }
      expect(await resumableStep(), where).toBe(2);
    }
  },
);

it('a checkpoint that is whole, though nothing names it, is not passed over in silence', async () => {
  rmSync(directory, { recursive: true });
  const disk = new FailingDisk(({ path: file }) =>
    file.startsWith(path.join(directory, 'latest')) ? 'ENOSPC' : undefined,
  );
  const writer = createWriter(disk);
  await expect(writer.writeLast(0, progressAt(7))).rejects.toThrow(
    'step-00000007 is there: --resume goes on from there if it is whole',
  );
});

it('on a disk with room for two checkpoints old ones go first, and a whole one always stays', async () => {
  const checkpoints = path.join(directory, 'checkpoints');
  const disk = new FailingDisk(({ kind, path: file }) =>
    kind === 'write' && file.includes('model') && readdirSync(checkpoints).length > 2
      ? 'ENOSPC'
      : undefined,
  );
  const events: TrainEvent[] = [];
  const keep = { keep: 3, keepEvery: null };
  const run = new RunDirectory(directory, disk);
  const writer = new CheckpointWriter(
    run,
    snapshot,
    keep,
    (event) => events.push(event),
    undefined,
  );
  for (const step of [2, 3, 4]) {
    await writer.write(0, progressAt(step));
    await writer.settle();
    expect(await resumableStep()).toBe(step);
  }
  expect(events.filter(({ type }) => type === 'checkpoint')).toHaveLength(3);
  expect(readdirSync(checkpoints)).toEqual(['step-00000003', 'step-00000004']);
});
