import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { readSafetensors } from '../../src/checkpoint/safetensors.js';
import { makeWorkplace } from '../e2e/corpus.js';
import { readResult, trainSmall } from '../faults/small-run.js';

const cwd = makeWorkplace();
const runs = ['calm', 'broken'].map((name) => join(cwd, name)) as [string, string];
afterEach(() => runs.forEach((run) => rmSync(run, { recursive: true, force: true })));

/** Adam itself, and whole programs, are test/e2e/'s. */
const optimizers = [
  { kind: 'adamw', kept: ['exp_avg', 'exp_avg_sq'] },
  { kind: 'sgd', kept: [] },
  { kind: 'sgd', options: ['momentum=0.9', 'nesterov=true'], kept: ['momentum_buffer'] },
  { kind: 'rmsprop', options: ['weightDecay=0.01'], kept: ['square_avg'] },
  {
    kind: 'rmsprop',
    options: ['centered=true', 'momentum=0.9'],
    kept: ['square_avg', 'momentum_buffer', 'grad_avg'],
  },
  { kind: 'adagrad', kept: ['sum'] },
];

/** Batches of each step; the last one of an epoch has fewer. */
const accumulating = { kind: 'adam', accumulate: 3, kept: ['exp_avg', 'exp_avg_sq'] };

const keysOf = (kind: string, options: string[] = []): string[] =>
  [`kind=${kind}`, ...options].map((each) => `train.optimizer.${each}`);

describe.each([
  ...optimizers.map((each) => ({ ...each, accumulate: 1 })),
  { ...accumulating, options: [] },
])('$kind $options, $accumulate batches a step', ({ kind, options, kept, accumulate }) => {
  const set = [...keysOf(kind, options), 'train.maxSteps=12', `train.accumulate=${accumulate}`];

  it('gives the same bits by 2 workers as by 3, and by one that goes on from there', async () => {
    const [calm, broken] = runs;
    const byTwo = { runDir: calm, set: [...set, 'workers=2'] };
    const whole = await trainSmall(cwd, 'language-model', byTwo);
    expect(whole.error).toBeUndefined();
    const parts = [
      { resume: false, set: [...set, 'workers=3', 'train.maxSteps=7'] },
      { resume: true, set: [...set, 'workers=1'] },
    ];
    for (const part of parts) {
      const { error } = await trainSmall(cwd, 'language-model', { runDir: broken, ...part });
      expect(error).toBeUndefined();
    }
    const [one, other] = [readResult(calm), readResult(broken)];
    expect(other.model.equals(one.model)).toBe(true);
    expect(other.optimizer.equals(one.optimizer)).toBe(true);
    const last = join(calm, 'checkpoints', one.name, 'optimizer.safetensors');
    expect(await keptOf(last)).toEqual(new Set(kept));
  });
});

/** What is kept of weights, by the ends of its names. */
async function keptOf(file: string): Promise<Set<string>> {
  const kept = new Set<string>();
  await readSafetensors(file, (name) => {
    if (!name.startsWith('carried.')) kept.add(name.split('.').at(-1)!);
    return undefined;
  });
  return kept;
}

describe('a run resumed with another optimizer', () => {
  const runDir = runs[0];
  const start = async (): Promise<void> => {
    const set = ['train.maxSteps=10'];
    expect((await trainSmall(cwd, 'classifier', { runDir, set })).error).toBeUndefined();
  };
  const resume = (set: string[], override: boolean) =>
    trainSmall(cwd, 'classifier', { runDir, resume: true, override, set });

  it('is refused, also if told to override, where that one keeps something else', async () => {
    await start();
    for (const override of [false, true]) {
      for (const set of [keysOf('sgd', ['momentum=0.5']), keysOf('adagrad')]) {
        const { error } = await resume(set, override);
        expect(String(error)).toMatch(
          /holds what another optimizer keeps of the weights \(train\.optimizer\.kind: "adam" → /,
        );
      }
    }
  });

  it('is refused unless told to override where that one keeps the same', async () => {
    await start();
    expect(String((await resume(keysOf('adamw'), false)).error)).toContain(
      'holds a run of another config (train.optimizer.kind: "adam" → "adamw"',
    );
    expect((await resume(keysOf('adamw'), true)).error).toBeUndefined();
  });
});
