import { createHash } from 'node:crypto';
import { cpSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { UserError } from '../../src/errors.js';
import { openModel } from '../../src/use/model-file.js';
import { formatState, readState, verifyCheckpoint } from '../../src/checkpoint/run-state.js';
import { runWith } from '../commands/stub.js';
import { makeWorkplace } from '../e2e/corpus.js';
import { tries } from '../effort.js';
import { noticesOf, readResult, trainSmall } from '../faults/small-run.js';

const cwd = makeWorkplace();
const pristine = join(cwd, 'pristine');
const runDir = join(cwd, 'run');
const newest = join(runDir, 'checkpoints', 'step-00000040');
const files = ['state.json', 'model.safetensors', 'optimizer.safetensors'];

beforeAll(async () => {
  expect((await trainSmall(cwd, 'language-model', { runDir: pristine })).error).toBeUndefined();
});
beforeEach(() => {
  rmSync(runDir, { recursive: true, force: true });
  cpSync(pristine, runDir, { recursive: true });
});

/** The one sentence with which a checkpoint is refused. */
async function refusal(): Promise<string> {
  const error: unknown = await verifyCheckpoint(newest).catch((caught: unknown) => caught);
  expect(error).toBeInstanceOf(UserError);
  const { message } = error as UserError;
  expect(message).not.toContain('\n');
  expect(message.startsWith(newest)).toBe(true);
  return message;
}

describe.each(files)('%s', (name) => {
  it('is refused with any byte of it flipped', async () => {
    const file = join(newest, name);
    const whole = readFileSync(file);
    await verifyCheckpoint(newest);
    const numRuns = tries(name === 'state.json' ? 300 : 80);
    await fc.assert(
      fc.asyncProperty(
        fc.nat({ max: whole.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        async (at, flip) => {
          const damaged = Buffer.from(whole);
          damaged[at]! ^= flip;
          writeFileSync(file, damaged);
          await refusal();
        },
      ),
      { numRuns },
    );
  });

  it('is refused cut off anywhere, longer than it was, or missing', async () => {
    const file = join(newest, name);
    const whole = readFileSync(file);
    for (let part = 0; part < 50; part++) {
      writeFileSync(file, whole.subarray(0, Math.floor((part * whole.length) / 50)));
      await refusal();
    }
    writeFileSync(file, Buffer.concat([whole, Buffer.from(' ')]));
    await refusal();
    rmSync(file);
    expect(await refusal()).toContain('(ENOENT)');
  });
});

/** Puts a file in the place of another and signs it, as somebody with bad intentions would. */
async function forge(name: string, content: Buffer): Promise<void> {
  const {
    step,
    position,
    seed,
    profile,
    corpus,
    vocabulary,
    config,
    validation,
    files: listed,
  } = await readState(newest);
  writeFileSync(join(newest, name), content);
  const sha256 = createHash('sha256').update(content).digest('hex');
  const forged = { ...listed, [name]: { bytes: content.length, sha256 } };
  writeFileSync(
    join(newest, 'state.json'),
    formatState({ step, position, seed, profile, corpus, vocabulary, config, validation }, forged),
  );
}

function withHeader(json: string, dataBytes: number, claimed = BigInt(json.length)): Buffer {
  const prefix = Buffer.alloc(8);
  prefix.writeBigUInt64LE(claimed);
  return Buffer.concat([prefix, Buffer.from(json), Buffer.alloc(dataBytes)]);
}

const tensor = (shape: number[], begin: number, end: number, dtype = 'F32') =>
  JSON.stringify({ dtype, shape, data_offsets: [begin, end] });
const many = Array.from({ length: 100_000 }, (_, i) => `"t${i}":${tensor([1], 4 * i, 4 * i + 4)}`);
const hostile: [string, Buffer][] = [
  ['a huge header', withHeader('{}', 0, 2n ** 63n)],
  ['overlapping offsets', withHeader(`{"a":${tensor([2], 0, 8)},"b":${tensor([2], 4, 12)}}`, 12)],
  ['offsets out of range', withHeader(`{"a":${tensor([2 ** 20], 0, 2 ** 22)}}`, 8)],
  ['a shape that overflows', withHeader(`{"a":${tensor([2 ** 32, 2 ** 32], 0, 0)}}`, 0)],
  ['an unknown type of numbers', withHeader(`{"a":${tensor([1], 0, 4, 'Q9')}}`, 4)],
  ['deep nesting', withHeader('['.repeat(500_000) + ']'.repeat(500_000), 0)],
  ['100,000 entries', withHeader(`{${many.join(',')}}`, 400_000)],
];

describe.each(hostile)('a signed model file with %s', (what, content) => {
  it('is refused by every reader', async () => {
    await forge('model.safetensors', content);
    const inspected = await runWith(['inspect', runDir]);
    const opened: unknown = await openModel(runDir, { checkpoint: 'latest' })
      .then(async (model) => {
        try {
          for await (const text of model.generate(generation)) expect(text).toBe('');
        } finally {
          await model.close();
        }
      })
      .catch((error: unknown) => error);
    expect(opened).toBeInstanceOf(UserError);
    expect((opened as UserError).message).toContain(`${newest}/`);
    expect(inspected.status).toBe(1);
    // Many entries are sound in themselves: only the optimizer's file can tell that they are not the model's.
    expect(inspected.stderr).toContain(
      what === '100,000 entries'
        ? 'expected exp_avg and exp_avg_sq of each tensor of model.safetensors, not found for "t0"'
        : 'is not a sound safetensors file',
    );
    const resumed = await trainSmall(cwd, 'language-model', { runDir, resume: true });
    expect(resumed.error).toBeUndefined();
    expect(noticesOf(resumed)[0]).toContain(`${newest}/`);
    expect(noticesOf(resumed)[1]).toBe(
      `Going on from ${join(runDir, 'checkpoints', 'step-00000030')}.`,
    );
    expect(readResult(runDir)).toEqual(readResult(pristine));
  });
});

const generation = { prompt: 'a', length: 1, temperature: 1, topK: 0, seed: 1 };

it('a resume passes over damaged checkpoints, says so, and comes to the same result', async () => {
  for (const [step, name] of [
    ['00000040', 'state.json'],
    ['00000030', 'optimizer.safetensors'],
  ] as const) {
    const file = join(runDir, 'checkpoints', `step-${step}`, name);
    const bytes = readFileSync(file);
    bytes[bytes.length >> 1]! ^= 1;
    writeFileSync(file, bytes);
  }
  const resumed = await trainSmall(cwd, 'language-model', { runDir, resume: true });
  expect(resumed.error).toBeUndefined();
  const notices = noticesOf(resumed);
  expect(notices[0]).toContain('step-00000040/state.json');
  expect(notices[1]).toContain('step-00000030/optimizer.safetensors');
  expect(notices[2]).toBe(`Going on from ${join(runDir, 'checkpoints', 'step-00000020')}.`);
  expect(readResult(runDir)).toEqual(readResult(pristine));
});

it('a resume with no whole checkpoint left is refused with the reasons', async () => {
  for (const step of ['20', '30', '40']) {
    rmSync(join(runDir, 'checkpoints', `step-000000${step}`, 'model.safetensors'));
  }
  const resumed = await trainSmall(cwd, 'language-model', { runDir, resume: true });
  expect(resumed.error).toEqual(
    new UserError(
      `${runDir}: none of its 3 checkpoints is whole: start a new run with another --run-dir`,
    ),
  );
  expect(noticesOf(resumed)).toHaveLength(3);
});
