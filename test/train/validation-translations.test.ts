import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.js';
import { scoreTranslations } from '../../src/decoding/translation-scores.js';
import type { EndEvent, EvaluationEvent, TrainEvent } from '../../src/events.js';
import { train } from '../../src/train/run.js';
import { prepareCorpus, scoreTranslations as scoreFiles } from '../../src/index.js';
import { Bleu } from '../../src/scoring/bleu.js';
import type { OpenOptions } from '../../src/train/trained-model.js';
import { openModel } from '../../src/use/model-file.js';
import { runWith } from '../commands/stub.js';

const cwd = mkdtempSync(join(tmpdir(), 'lockstep-test-'));
afterAll(() => rmSync(cwd, { recursive: true }));

/** Numbers in words, and the digits of them, the other way round. */
const words = ['null', 'Eins', 'zwei', 'drei', 'vier', 'fuenf'];
const pairs = Array.from({ length: 160 }, (_, i) => {
  const digits = Array.from({ length: 1 + ((i * 5) % 4) }, (_, k) => (i * (k + 3) + k * k) % 6);
  return {
    source: digits.map((digit) => words[digit]).join(' '),
    target: digits.toReversed().map(String).join(' '),
  };
});
const held = pairs.slice(0, 30);

beforeAll(() => {
  for (const [name, some] of Object.entries({ train: pairs, valid: held })) {
    for (const side of ['source', 'target'] as const) {
      const lines = some.map((pair) => `${pair[side]}\n`);
      writeFileSync(join(cwd, `${name}.${side}`), lines.join(''));
    }
  }
  writeFileSync(
    join(cwd, 'a.yaml'),
    `task: translate
data:
  train: { source: ${cwd}/train.source, target: ${cwd}/train.target }
  validation: { source: ${cwd}/valid.source, target: ${cwd}/valid.target }
  storeDir: ${cwd}/stores
  tokenizer: { kind: word, minCount: 1, filters: '' }
  maxLength: 6
model:
  embedding: 12
  encoder: { embedding: 8, layers: [{ cell: lstm, hiddenSize: 12, direction: both }] }
  layers: [{ cell: lstm, hiddenSize: 16 }]
train: { batchSize: 16, epochs: 5, bestBy: bleu, optimizer: { learningRate: 0.02 } }
`,
  );
});

interface Run {
  runDir: string;
  end: EndEvent;
  evaluations: EvaluationEvent[];
  notices: string[];
}

async function run(
  name: string,
  set: string[],
  resume = false,
  hear: (event: TrainEvent) => void = () => undefined,
  signal?: { readonly aborted: boolean },
): Promise<Run> {
  const runDir = join(cwd, name);
  const events: TrainEvent[] = [];
  const config = await loadConfig(join(cwd, 'a.yaml'), ['workers=1', ...set]);
  const end = await train(config, {
    ...{ runDir, resume, listener: (event: TrainEvent) => hear(events[events.push(event) - 1]!) },
    ...(signal && { signal }),
  });
  return {
    ...{ runDir, end },
    evaluations: events.filter((event) => event.type === 'evaluation'),
    notices: events.flatMap((event) => (event.type === 'notice' ? event.message : [])),
  };
}

/** What does not depend on the clock. */
function measuredBy({ evaluations }: Run): object[] {
  return evaluations.map((event) => ({ ...event, duration: 0 }));
}

async function scoreOf(runDir: string, checkpoint: string, count: number, beam: number) {
  const model = await openModel(runDir, { checkpoint, workers: 1 });
  try {
    const { bleu, chrf, exact } = await scoreTranslations(model, [held.slice(0, count)], { beam });
    return { bleu, chrf, exact };
  } finally {
    await model.close();
  }
}

test('evaluations tell what translate would come to, to the same bits on any number of workers', async () => {
  const alone = await run('alone', []);
  expect(alone.evaluations.length).toBe(5);
  const last = alone.evaluations.at(-1)!;
  expect(last).toMatchObject(await scoreOf(alone.runDir, 'latest', held.length, 1));
  expect(last.bleu).toBeGreaterThan(alone.evaluations[0]!.bleu!);
  // The best by BLEU, not by the loss.
  const by = alone.evaluations.map(({ bleu }) => bleu!);
  expect(alone.end.best).toMatchObject({ by: 'bleu', bleu: Math.max(...by) });
  for (const workers of [2, 3, 5]) {
    const other = await run(`${workers}`, [`workers=${workers}`]);
    expect(measuredBy(other)).toEqual(measuredBy(alone));
  }
  const stateOf = (runDir: string): string =>
    readFileSync(join(runDir, 'checkpoints', 'step-00000050', 'state.json'), 'utf8');
  await run('cut', ['train.maxSteps=24']);
  const resumed = await run('cut', ['workers=2'], true);
  expect(measuredBy(resumed)).toEqual(measuredBy(alone).slice(2));
  expect(stateOf(resumed.runDir)).toEqual(stateOf(alone.runDir));
});

test.each(['float32', 'bfloat16'])(
  'in %s the last evaluation, evaluate, and what is counted of what translate writes are one BLEU',
  async (precision) => {
    const sample = 'train.evaluateTranslations={ pairs: 1000, beam: 5 }';
    const name = `one BLEU, ${precision}`;
    const { runDir, evaluations } = await run(name, [sample, `train.precision=${precision}`]);
    const library = {
      openModel: (path: string, options?: OpenOptions) =>
        openModel(path, { ...options, workers: 3 }),
      ...{ prepareCorpus, scoreTranslations: scoreFiles },
    };
    const latest = [runDir, '--checkpoint', 'latest'];
    const evaluated = await runWith(['evaluate', ...latest, '--json'], library);
    const { bleu, chrf, exact } = JSON.parse(evaluated.stdout) as Record<string, number>;
    expect(evaluations.at(-1)).toMatchObject({ bleu, chrf, exact });
    const source = join(cwd, 'valid.source');
    const { stdout } = await runWith(['translate', ...latest, source], library);
    const counted = new Bleu({ lowercase: true });
    stdout
      .trimEnd()
      .split('\n')
      .forEach((text, i) => counted.add(text, [held[i]!.target]));
    expect(counted.result().score).toBe(bleu);
    expect(bleu).toBeGreaterThan(1);
  },
);

test('a stop is heeded within an evaluation and its translations, which a resume begins anew, to the same bits', async () => {
  const whole = await run('whole', []);
  const found: object[] = [];
  let starts = 0;
  const stop = async (isDue: (asked: number, step: number) => boolean): Promise<EndEvent> => {
    let [asked, step] = [0, 0];
    const signal = {
      get aborted() {
        return isDue(++asked, step);
      },
    };
    const hear = (event: TrainEvent): void => {
      if (event.type === 'step') [asked, step] = [0, event.step];
    };
    const part = await run('stopped', [], starts++ > 0, hear, signal);
    found.push(...measuredBy(part));
    return part.end;
  };
  const stopped = { reason: 'stopped', step: 10 };
  // Behind ten steps it is asked before the second of two batches, and before the second token of translations.
  expect(await stop((asked, step) => step === 10 && asked === 2)).toMatchObject(stopped);
  expect(await stop((asked, step) => step === 0 && asked === 4)).toMatchObject(stopped);
  expect(found).toEqual([]);
  expect(await stop((_, step) => step === 50)).toMatchObject({ reason: 'stopped', step: 50 });
  expect(found.length).toBe(4);
  expect(await stop(() => false)).toMatchObject({ reason: 'finished', step: 50 });
  expect(found).toEqual(measuredBy(whole));
  for (const file of ['state.json', 'model.safetensors', 'optimizer.safetensors']) {
    const [one, other] = ['stopped', 'whole'].map((name) =>
      readFileSync(join(cwd, name, 'checkpoints', 'step-00000050', file)),
    );
    expect(one).toEqual(other);
  }
});

test('as many pairs are translated as the config says, as widely, with averaged weights where those are kept', async () => {
  const set = ['train.evaluateTranslations={pairs: 7, beam: 3}', 'train.bestBy=loss'];
  const averaged = await run('averaged', [...set, 'train.averaging={kind: ema, decay: 0.9}']);
  expect(averaged.end.best).not.toHaveProperty('by');
  expect(averaged.evaluations.at(-1)).toMatchObject(await scoreOf(averaged.runDir, 'latest', 7, 3));
});

test('the pairs may be a share of the training files, which training does not see', async () => {
  const { evaluations } = await run('share', ['data.validation=0.2', 'train.epochs=1']);
  expect(evaluations[0]!.bleu).toBeGreaterThanOrEqual(0);
  expect(evaluations[0]).toHaveProperty('exact');
});

test('patience runs out by BLEU, and another sample of pairs begins anew', async () => {
  const set = ['train.optimizer.learningRate=1e-9', 'train.earlyStopping={patience: 2}'];
  const hopeless = await run('hopeless', set);
  expect(hopeless.evaluations.map(({ best }) => best)).toEqual([true, false, false]);
  expect(hopeless.notices.join()).toContain('No higher validation BLEU in 2 evaluations');
  // As many as there are, however many more may be.
  const same = ['train.evaluateTranslations.pairs=2000'];
  expect((await run('hopeless', [...set, ...same], true)).evaluations).toEqual([]);
  const other = ['train.evaluateTranslations.pairs=9'];
  const again = await run('hopeless', [...set, ...other], true);
  expect(again.evaluations.map(({ best }) => best)).toEqual([true, false]);
});

test.each([
  [['data.validation=0'], 'train.bestBy: expected a validation split to choose the best by'],
  [
    ['data.validation=0', 'train.bestBy=loss', 'train.evaluateTranslations={}'],
    'train.evaluateTranslations: expected a validation split with pairs to translate',
  ],
])('%j is refused', async (set, message) => {
  await expect(run('refused', set)).rejects.toThrow(message);
});

test('the pairs are read before the first step: what becomes of their files later changes nothing', async () => {
  const path = join(cwd, 'valid.target');
  const content = readFileSync(path);
  const set = ['train.epochs=1'];
  const undisturbed = await run('kept', set);
  try {
    const edited = await run('edited', set, false, ({ type }) => {
      if (type === 'start') writeFileSync(path, '0 0 0 0\n'.repeat(30));
    });
    expect(measuredBy(edited)).toEqual(measuredBy(undisturbed));
    writeFileSync(path, content);
    const lost = await run('lost', set, false, ({ type }) => {
      if (type === 'start') rmSync(path);
    });
    expect(measuredBy(lost)).toEqual(measuredBy(undisturbed));
    writeFileSync(path, content);
    const steps: TrainEvent[] = [];
    const early = run('early', set, false, (event) => {
      if (event.type === 'prepare' && ['done', 'reused'].includes(event.phase)) {
        writeFileSync(path, '0 0 0 0\n'.repeat(30));
      }
      if (event.type === 'step') steps.push(event);
    });
    await expect(early).rejects.toThrow(`${path} changed while it was read: start again`);
    expect(steps).toEqual([]);
  } finally {
    writeFileSync(path, content);
  }
});

test('targets that are all too short for BLEU are told', async () => {
  const told = (by: string) => run(by, ['train.epochs=1', short, `train.bestBy=${by}`]);
  const short = 'train.evaluateTranslations={pairs: 1}';
  expect((await told('bleu')).notices.join()).toContain(
    'train.bestBy: none of the 1 targets that evaluations translate has four words',
  );
  expect((await told('chrf')).notices.join()).not.toContain('four words');
  expect((await run('long', ['train.epochs=1'])).notices.join()).not.toContain('four words');
});

test('a file that has lost lines since it was prepared is named', async () => {
  const { readStoredPairs } = await import('../../src/data/prepare/read-pairs.js');
  const config = await loadConfig(join(cwd, 'a.yaml'));
  const [path, target] = [join(cwd, 'less.source'), join(cwd, 'less.target')];
  writeFileSync(path, 'a\nb\n');
  writeFileSync(target, 'a\nb\n');
  const { stampSource } = await import('../../src/data/input/sources.js');
  const pair = { path, format: 'text', target: { path: target, format: 'text' } } as const;
  const sources = [
    { path, target, name: 'less', from: 'validation', ...(await stampSource(pair)) },
  ];
  const store = { rows: 3, locate: (row: number) => Promise.resolve({ source: 0, row: row + 1 }) };
  const corpus = { manifest: { sources: sources as never } };
  await expect(readStoredPairs(config, corpus, store, 3)).rejects.toThrow(
    `${path}: row 3 is no longer there: the file has changed since it was prepared`,
  );
  expect(await readStoredPairs(config, corpus, store, 2)).toEqual([
    { source: 'a', target: 'a' },
    { source: 'b', target: 'b' },
  ]);
  writeFileSync(target, 'a\n');
  await expect(readStoredPairs(config, corpus, store, 2)).rejects.toThrow(`${target} changed`);
});
