import { PassThrough } from 'node:stream';
import { type NamedConfig, parseConfig } from '../../src/config/load.js';
import type { Context } from '../../src/commands/context.js';
import type { Library, TrainedModel } from '../../src/commands/library.js';
import { readBatches } from '../../src/data/formats/examples.js';
import { tokenizerFromJson } from '../../src/data/tokenizers/kinds.js';
import { run } from '../../src/cli.js';

/** Runs command lines with a library that computes nothing. */

export interface Outcome {
  status: number;
  stdout: string;
  stderr: string;
}

/** `signalStatus`: a signal of that status comes as soon as the command catches signals. */
export async function runWith(
  argv: string[],
  library: Partial<Library> = {},
  options: { signalStatus?: number; stdout?: PassThrough; isTTY?: boolean } = {},
): Promise<Outcome> {
  const { signalStatus, stdout = new PassThrough(), isTTY = false } = options;
  const stderr = Object.assign(new PassThrough(), { isTTY });
  const written = { stdout: '', stderr: '' };
  // A stream that the test brings is the test's to read.
  if (options.stdout === undefined) {
    stdout.on('data', (chunk: Buffer) => (written.stdout += chunk.toString()));
  }
  stderr.on('data', (chunk: Buffer) => (written.stderr += chunk.toString()));
  const context: Context = {
    stdout,
    stderr,
    status: 0,
    program: 'lockstep',
    loadLibrary: () => Promise.resolve({ ...nothing, ...library }),
    loadModels: () => Promise.resolve({ ...nothing, ...library }),
    catchSignals: (onFirst) => {
      const abort = new AbortController();
      if (signalStatus !== undefined) {
        setImmediate(() => {
          onFirst();
          abort.abort();
        });
      }
      return { signal: abort.signal, status: signalStatus, release: () => undefined };
    },
  };
  const status = await run(argv, context);
  return { status, ...written };
}

const refuse = (): never => {
  throw new Error('this test does not expect the library to be called');
};

const nothing: Library = {
  train: refuse,
  dryRun: refuse,
  openModel: refuse,
  openEnsemble: refuse,
  prepareCorpus: refuse,
  prepareHeldOut: refuse,
  averageCheckpoints: refuse,
  exportForWeb: refuse,
  scoreTranslations: refuse,
  readBatches,
  describeBackends: refuse,
};

/** Tells spam by the word "money": sure of it by 0.75. */
export function stubClassifier(): TrainedModel {
  return {
    ...stubModel(parseConfig('task: classify\ndata: { train: a.csv, text: body }', 'x.yaml')),
    classes: ['ham', 'spam'],
    classify: (texts) =>
      Promise.resolve(
        texts.map((text) => new Float32Array(text.includes('money') ? [0.25, 0.75] : [0.75, 0.25])),
      ),
  };
}

/** Repeats the options that it is asked with. */
export function stubLanguageModel(): TrainedModel {
  return {
    ...stubModel(parseConfig('task: language-model\ndata: { train: a.txt }', 'x.yaml')),
    async *generate(options) {
      await Promise.resolve();
      for (const [key, value] of Object.entries(options)) {
        if (key !== 'prompt') yield ` ${key}=${value}`;
      }
    },
  };
}

function stubModel(config: NamedConfig): TrainedModel {
  return {
    config,
    classes: [],
    features: [],
    tokenizer: tokenizerFromJson({ kind: 'byte' }),
    step: 7,
    checkpoint: 'runs/x/checkpoints/step-00000007',
    corpus: '',
    predict: refuse,
    predictMany: refuse,
    embed: refuse,
    classify: refuse,
    regress: refuse,
    tag: refuse,
    score: refuse,
    translate: refuse,
    evaluate: refuse,
    generate: refuse,
    warmUp: () => Promise.resolve(),
    close: () => Promise.resolve(),
  };
}
