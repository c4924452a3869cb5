import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import type { Corpus } from '../../src/data/store/corpus.js';
import type { Pair } from '../../src/data/prepare/read-pairs.js';
import { prepareCorpus } from '../../src/data/prepare/prepare.js';
import type { WorkerPool } from '../../src/compute/pool.js';
import { expectFeasible } from '../../src/train/feasible.js';
import { createSetting } from '../../src/train/setting.js';
import { readSample } from '../../src/train/validation-translations.js';

const machine = vi.hoisted(() => ({
  bytes: Infinity,
  /** Threads that are started, one pool after the other. */
  pools: [] as (() => Pick<WorkerPool, 'close'>)[],
}));
vi.mock('node:os', async (load) => ({
  ...(await load<typeof import('node:os')>()),
  totalmem: () => machine.bytes,
}));
vi.mock('../../src/compute/pool.js', async (load) => ({
  ...(await load<typeof import('../../src/compute/pool.js')>()),
  createWorkerPool: () => ({ runStage: vi.fn(), ...machine.pools.shift()!() }),
}));

const cwd = mkdtempSync(join(tmpdir(), 'lockstep-test-'));
const listener = (): void => undefined;
const configOf = (train: string) =>
  parseConfig(
    `task: translate
data:
  train: { source: ${cwd}/a.source, target: ${cwd}/a.target }
  validation: 0.2
  storeDir: ${cwd}/stores
model: { embedding: 4, encoder: { layers: [{ cell: lstm, hiddenSize: 4 }] }, layers: [{ cell: lstm, hiddenSize: 4 }] }
workers: 1
train: { ${train} }
`,
    'a.yaml',
  );
const config = configOf('bestBy: chrf');
let corpus: Corpus;
let sample: readonly Pair[] | undefined;
beforeAll(async () => {
  const lines = Array.from({ length: 40 }, (_, i) => `a b ${'c '.repeat(i % 5)}d${i}\n`).join('');
  for (const side of ['source', 'target']) writeFileSync(join(cwd, `a.${side}`), lines);
  corpus = await prepareCorpus(config, listener);
  sample = await readSample(config, corpus, listener);
});
afterEach(() => {
  machine.bytes = Infinity;
});
afterAll(async () => {
  await corpus.close();
  rmSync(cwd, { recursive: true });
});

test('threads that have been started end where others cannot be', async () => {
  const close = vi.fn(() => Promise.resolve());
  const fail = (): never => {
    throw new Error('no more threads');
  };
  machine.pools = [() => ({ close }), fail];
  await expect(createSetting(config, corpus, { sample }, { listener })).rejects.toThrow(
    'no more threads',
  );
  expect(close).toHaveBeenCalledOnce();
});

test('all threads end, also where some do not end well', async () => {
  const close = vi.fn(() => Promise.resolve());
  const fail = () => Promise.reject(new Error('stuck'));
  for (const closing of [
    [fail, close],
    [close, fail],
  ]) {
    close.mockClear();
    machine.pools = closing.map((each) => () => ({ close: each }));
    const setting = await createSetting(config, corpus, { sample }, { listener });
    await expect(setting.close()).rejects.toThrow('stuck');
    expect(close).toHaveBeenCalledOnce();
  }
});

test('memory is looked for that training and translating need together, before data is prepared and then', async () => {
  // Enough for either, with what a thread of its own takes.
  machine.bytes = 16 * 2 ** 20;
  expectFeasible(configOf('bestBy: loss'), listener);
  const fault =
    /^this model and batch need 0\.0 GiB of memory.* or train\.evaluateTranslations\.beam$/;
  expect(() => expectFeasible(config, listener)).toThrow(fault);
  await expect(createSetting(config, corpus, { sample }, { listener })).rejects.toThrow(fault);
});

test('what translates in evaluations is a block of its own, which the wasm backend has to address: told before data is prepared', () => {
  const wasm = (length: number, given: string) => {
    const { data, ...rest } = configOf(given);
    return { ...rest, data: { ...data, maxSourceLength: length }, backend: 'wasm' } as const;
  };
  expectFeasible(wasm(6, 'bestBy: chrf'), listener);
  // The longest rows that there are come to light when data is prepared.
  expectFeasible(wasm(10_000_000, 'bestBy: loss'), listener);
  expect(() => expectFeasible(wasm(10_000_000, 'bestBy: chrf'), listener)).toThrow(
    /^to translate in evaluations takes \d+\.\d GiB of memory, and the wasm backend can address 4 GiB: .*, or lower train\.evaluateTranslations\.beam, data\.maxSourceLength or the model size$/,
  );
});
