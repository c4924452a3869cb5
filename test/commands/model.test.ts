import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { measureClasses } from '../../src/commands/evaluate.js';
import type { Corpus } from '../../src/data/store/corpus.js';
import type { TokenStore } from '../../src/data/store/token-store.js';
import { formatState } from '../../src/checkpoint/run-state.js';
import { writeSafetensors } from '../../src/checkpoint/safetensors.js';
import type { Library } from '../../src/commands/library.js';
import { runWith, stubClassifier, stubLanguageModel } from './stub.js';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'lockstep-model-'));
});
afterEach(() => rm(folder, { recursive: true }));

async function write(name: string, text: string): Promise<string> {
  await writeFile(join(folder, name), text);
  return join(folder, name);
}

const classifier = { openModel: () => Promise.resolve(stubClassifier()) };
const languageModel = { openModel: () => Promise.resolve(stubLanguageModel()) };

describe('evaluate', () => {
  /** A classifier whose files have these rows of each class, and those that it takes for them. */
  function measuring(confusion: number[][], badRows = 0, more: object = {}) {
    let closed = 0;
    const library: Partial<Library> = {
      openModel: () =>
        Promise.resolve({
          ...stubClassifier(),
          ...more,
          evaluate: (store: unknown) => {
            expect(store).toBe('the files');
            return Promise.resolve({ loss: 0.5, accuracy: 0.75, targets: 4, confusion });
          },
        }),
      prepareHeldOut: (model, paths, named) => {
        expect([model.classes, paths, named]).toEqual([['ham', 'spam'], ['a.csv'], '--data']);
        const close = () => Promise.resolve(void (closed += 1));
        const store = 'the files' as unknown as TokenStore;
        return Promise.resolve({ store, badRows, truncatedRows: 2, emptyPairs: 0, close });
      },
    };
    return { library, closed: () => closed };
  }

  test('measures files: loss, accuracy and a table of the classes', async () => {
    const { library, closed } = measuring(
      [
        [2, 0],
        [1, 1],
      ],
      3,
    );
    const outcome = await runWith(['evaluate', 'runs/x', '--data', 'a.csv'], library);
    expect(outcome.stderr).toBe(
      '3 rows were left out, because they cannot be used (data.onBadRow)\n',
    );
    expect(outcome.status).toBe(0);
    expect(closed()).toBe(1);
    expect(outcome.stdout.split('\n')).toEqual([
      'runs/x/checkpoints/step-00000007 on a.csv: 4 rows',
      'loss 0.5000  accuracy 75.0 %',
      '',
      'class  precision  recall     F1  support',
      'ham        0.667   1.000  0.800        2',
      'spam       1.000   0.500  0.667        2',
      '',
    ]);
  });

  test('tells where sentences are measured in part', async () => {
    const { config } = stubClassifier();
    const data = { ...config.data, maxLength: 9, truncate: 'post' };
    const { library } = measuring([[4]], 0, { config: { ...config, task: 'tag', data } });
    const { stderr } = await runWith(['evaluate', 'runs/x', '--data', 'a.csv'], library);
    expect(stderr).toBe(
      '2 rows are longer than data.maxLength: only the first 9 tokens of each are measured, as in training; predict answers all of them\n',
    );
  });

  test('prints one JSON object with --json', async () => {
    const { library } = measuring([
      [0, 0],
      [0, 1],
    ]);
    const argv = ['evaluate', 'runs/x', '--data', 'a.csv', '--json'];
    expect(JSON.parse((await runWith(argv, library)).stdout)).toMatchObject({
      step: 7,
      targets: 4,
      accuracy: 0.75,
      classes: ['ham', 'spam'],
      confusion: [
        [0, 0],
        [0, 1],
      ],
    });
  });

  test('measures a split of the data, and says when there is none', async () => {
    const corpus = {
      ...{ validation: 'the store', fingerprint: '', manifest: { statistics: {} } },
      close: () => Promise.resolve(),
    };
    const library = {
      openModel: () =>
        Promise.resolve({
          ...stubClassifier(),
          evaluate: (store: unknown) => {
            expect(store).toBe('the store');
            return Promise.resolve({ loss: 0.5, accuracy: 1, targets: 3 });
          },
        }),
      prepareCorpus: () => Promise.resolve(corpus as unknown as Corpus),
    };
    const { stdout } = await runWith(['evaluate', 'runs/x'], library);
    expect(stdout).toContain('on validation: 3 rows\nloss 0.5000  accuracy 100.0 %\n');
    const missing = await runWith(['evaluate', 'runs/x', '--split', 'test'], library);
    expect(missing).toMatchObject({ status: 1, stdout: '' });
    // The corpus with another split would be another than the checkpoint's.
    expect(missing.stderr).toContain(
      'The run has no test split; name files to measure on with --data\n',
    );
  });

  test('a class without rows or predictions counts 0, not NaN', () => {
    expect(
      measureClasses([
        [0, 0],
        [2, 3],
      ]),
    ).toEqual([
      { precision: 0, recall: 0, f1: 0, support: 0 },
      { precision: 1, recall: 0.6, f1: 0.75, support: 5 },
    ]);
  });
});

describe('generate', () => {
  test('streams the prompt and what follows, by the options', async () => {
    const { status, stdout } = await runWith(
      [
        'generate',
        'runs/x',
        '--prompt',
        'Call me',
        '--length',
        '9',
        '--top-k',
        '4',
        '--temperature',
        '0.5',
        '--seed',
        '3',
      ],
      languageModel,
    );
    expect(status).toBe(0);
    expect(stdout).toBe('Call me length=9 temperature=0.5 topK=4 seed=3\n');
  });

  test('refuses a classifier', async () => {
    const { status, stderr } = await runWith(['generate', 'runs/x'], classifier);
    expect(status).toBe(1);
    expect(stderr).toBe('runs/x: expected a language model, got a classifier\n');
  });
});

describe('inspect', () => {
  test('shows position, digest, config, history and parameters of the latest checkpoint', async () => {
    const checkpoint = join(folder, 'checkpoints', 'step-00000007');
    await mkdir(checkpoint, { recursive: true });
    await write('latest', 'step-00000007\n');
    await write('config.yaml', 'name: tiny\ntask: classify\ndata: { train: a.csv }\n');
    const start = { time: '2030-01-02T03:04:05.678Z', version: '1.2.3', profile: 'fma-float32' };
    const first = { ...start, backend: 'native', workers: 2, fromStep: 0 };
    const changes = [{ key: 'workers', from: 2, to: 1 }];
    const history = [
      { ...first, changes: [], overridden: [] },
      { ...first, workers: 1, fromStep: 5, changes, overridden: [] },
    ];
    await write('history.json', JSON.stringify({ version: 1, starts: history }));
    const data = new Float32Array(6);
    const model = await writeSafetensors(join(checkpoint, 'model.safetensors'), [
      { name: 'embedding.weight', shape: [3, 2], data },
    ]);
    const optimizer = await writeSafetensors(
      join(checkpoint, 'optimizer.safetensors'),
      ['exp_avg', 'exp_avg_sq'].map((moment) => ({
        name: `embedding.weight.${moment}`,
        shape: [3, 2],
        data,
      })),
    );
    const progress = {
      step: 7,
      position: { epoch: 1, batch: 2, stepsPerEpoch: 5 },
      seed: 3,
      profile: 'fma-float32',
      corpus: 'abc',
      vocabulary: 'def',
      validation: {
        step: 5,
        withoutImprovement: 0,
        best: { step: 5, loss: 0.5, accuracy: 0.75 },
      },
    };
    const files = { 'model.safetensors': model, 'optimizer.safetensors': optimizer };
    await writeFile(join(checkpoint, 'state.json'), formatState(progress, files));
    const { stdout } = await runWith(['inspect', folder]);
    const [page, config] = stdout.split('\nConfig\n');
    expect(page!.split('\n')).toEqual([
      'tiny: classify',
      `checkpoint  ${checkpoint}`,
      `weights     sha256 ${model.sha256}`,
      `optimizer   sha256 ${optimizer.sha256}`,
      'position    step 7: 1 epoch and 2 of 5 batches',
      'seed        3',
      'numbers     fma-float32',
      'corpus      sha256 abc',
      'vocabulary  sha256 def',
      'best        validation loss 0.5000 (accuracy 75.0 %) after step 5; 0 evaluations since',
      '',
      'Starts',
      '2030-01-02T03:04:05.678Z from step 0: 2 workers, native (fma-float32), lockstep 1.2.3',
      '2030-01-02T03:04:05.678Z from step 5: 1 worker, native (fma-float32), lockstep 1.2.3',
      '  changed: workers: 2 → 1',
      '',
      'Parameters of step-00000007',
      'parameter         shape  type      size',
      'embedding.weight  3 × 2   F32  24 bytes',
      '6 parameters, 24 bytes',
      '',
    ]);
    expect(config).toContain('task: classify\n');
    expect((await runWith(['inspect', checkpoint])).stdout).toBe(stdout);
    const other = await runWith(['inspect', checkpoint, '--checkpoint', 'step-00000009']);
    expect(other.status).toBe(1);
    expect(other.stderr).toContain(
      'is the checkpoint step-00000007, but step-00000009 is asked for',
    );
    const { stdout: json } = await runWith(['inspect', folder, '--json']);
    expect(JSON.parse(json)).toMatchObject({
      checkpoint,
      weights: model.sha256,
      state: progress,
      config: { name: 'tiny' },
      history,
      parameters: [{ name: 'embedding.weight', dtype: 'F32', shape: [3, 2], bytes: 24 }],
    });
  });

  test('shows the network of a config file before anything is trained', async () => {
    const config = `task: classify
data: { train: a.csv, tokenizer: { kind: word, vocabularySize: 1000 }, maxLength: 10 }
model:
  embedding: 8
  layers: [{ hiddenSize: 10, direction: both }, { cell: gru, hiddenSize: 6 }]
  dropout: 0.5
`;
    await write('mine.yaml', config);
    const { stdout } = await runWith(['inspect', join(folder, 'mine.yaml')]);
    expect(stdout.split('\n')).toEqual([
      'layer                    output  parameters    work',
      'embedding 0  8 a distinct token       8,000   0.0 %',
      // Two directions, each 4 · 10 rows of 8 and of 10 columns, and two biases.
      'lstm 0               20 a token       1,600  75.4 %',
      'dropout 0            20 a token           0   0.0 %',
      'gru 1                 6 a token         504  24.5 %',
      'last 0                  6 a row           0   0.0 %',
      'dropout 2               6 a row           0   0.0 %',
      'head                    2 a row          14   0.1 %',
      '10,118 parameters',
      'Before the data is prepared: a vocabulary of 1,000, the most it may have, and two classes',
      '',
    ]);
    const { stdout: json } = await runWith(['inspect', join(folder, 'mine.yaml'), '--json']);
    expect(JSON.parse(json)).toMatchObject({
      layers: [{ name: 'embedding 0' }, {}, {}, {}, {}, {}, {}],
    });
  });

  test('refuses a folder that is no run', async () => {
    const { status, stderr } = await runWith(['inspect', folder]);
    expect(status).toBe(1);
    expect(stderr).toBe(
      `${folder}: expected the directory of a run or of a checkpoint, found no checkpoint\n`,
    );
  });
});
