import * as z from 'zod';
import { float32 } from '../tensor/float32.js';
import { MEASURE_NAMES, measureKind } from '../measures.js';
import { tokenizerSchema } from '../data/tokenizers/options.js';
import { TASKS, taskOf } from '../tasks/registry.js';
import { dataSchema, pathSchema } from './data-schema.js';
import { lossSchema } from './loss-schema.js';
import { completeEncoder, modelSchema } from './model-schema.js';
import { averagingSchema, optimizerSchema } from './optimizer-schema.js';

/**
 * Configuration of a run: one schema gives the types, the defaults, the checks and, by its
 * descriptions, the JSON Schema that editors use (configs/schema.json).
 */

const count = z.int().positive();

const checkpointSchema = z.strictObject({
  everySteps: z
    .int()
    .min(0)
    .default(0)
    .describe('Updates between two checkpoints; 0 means at the end of each epoch.'),
  keep: count
    .default(3)
    .describe(
      'How many of the newest checkpoints are kept; the best one and the last one always are.',
    ),
  keepEvery: count
    .nullable()
    .default(null)
    .describe('Also keeps the checkpoint of every step that is a multiple of this.'),
});

const earlyStoppingSchema = z.strictObject({
  patience: count.describe('Evaluations in a row without a better result that end the run.'),
});

const evaluateTranslationsSchema = z.strictObject({
  pairs: count
    .max(1_000_000)
    .default(1000)
    .describe('The first pairs of the validation split that are translated, at most.'),
  beam: count
    .max(64)
    .default(1)
    .describe('Texts that are followed at a time; 1 takes the likeliest token each time.'),
});

const trainSchema = z.strictObject({
  batchSize: count.default(32).describe('Rows of a batch, over all workers.'),
  batchTokens: count
    .nullable()
    .default(null)
    .describe(
      'About how many tokens a batch has on its longer side (translate), in the place of `batchSize`: of long rows fewer come together, of short ones more. null goes by rows.',
    ),
  accumulate: count
    .max(4096)
    .default(1)
    .describe(
      'Batches that an update follows from, by the mean of their gradients over all targets: a step. What an epoch leaves over is a step, too.',
    ),
  bucketBatches: count
    .max(4096)
    .default(1)
    .describe(
      'Batches whose rows are sorted by length together, so that a batch has rows of about one length and little padding (all but language models); 1 leaves rows where chance puts them.',
    ),
  sequenceLength: count
    .default(64)
    .describe('Time steps of truncated back-propagation through time (language models).'),
  epochs: count.default(10).describe('Passes over the training split.'),
  maxSteps: z
    .int()
    .min(0)
    .optional()
    .describe(
      'Ends the run after this many updates, whatever `epochs` says; 0 writes the initial weights and no more.',
    ),
  loss: lossSchema.prefault({}),
  optimizer: optimizerSchema.prefault({}),
  averaging: averagingSchema,
  clipNorm: float32(z.number().positive())
    .nullable()
    .default(5)
    .describe(
      'Global gradient norm above which gradients are scaled down; null turns clipping off.',
    ),
  clipValue: float32(z.number().positive())
    .nullable()
    .default(null)
    .describe(
      'Size that each element of the gradient has at most, after `clipNorm`; null turns this clipping off.',
    ),
  shards: z
    .int()
    .min(1)
    .max(1024)
    .refine((n) => (n & (n - 1)) === 0, { error: 'expected a power of two from 1 to 1024' })
    .default(16)
    .describe(
      'Groups of rows whose gradients are summed in one fixed tree; a power of two. ' +
        'Fewer if those of the longest rows in a batch had less than 128 tokens.',
    ),
  precision: z
    .enum(['float32', 'bfloat16', 'auto'])
    .default('float32')
    .describe(
      'What products with weights and the gradients of weights multiply. Weights, states and sums are float32 in any case. `bfloat16` rounds what is multiplied, and processors with AMX multiply that several times as fast; ' +
        '`auto` takes it where a run begins on one of these.',
    ),
  seed: z
    .int()
    .min(0)
    .max(0xffff_ffff)
    .default(1)
    .describe('What all random numbers of the run are drawn from.'),
  evaluateEverySteps: z
    .int()
    .min(0)
    .default(0)
    .describe(
      'Updates between two evaluations on the validation split; 0 means at the end of each epoch.',
    ),
  bestBy: z
    .enum(MEASURE_NAMES)
    .default('loss')
    .describe(
      'By what evaluations on the validation split are compared: the best checkpoint and early stopping go by it; of what the task measures.',
    ),
  evaluateTranslations: evaluateTranslationsSchema
    .nullable()
    .default(null)
    .describe(
      'Translates pairs of the validation split in every evaluation and tells BLEU, chrF and exact match (translate); null does so only where `bestBy` is one of them.',
    ),
  earlyStopping: earlyStoppingSchema
    .nullable()
    .default(null)
    .describe(
      'Ends the run when evaluations come out no better any more, by `bestBy`; null trains to the end.',
    ),
  maxBadSteps: count
    .default(5)
    .describe(
      'Steps in a row whose loss or gradient is not finite that end the run; they change no weights.',
    ),
  checkpoint: checkpointSchema.prefault({}),
});

const metricsSchema = z.strictObject({
  port: z
    .int()
    .min(0)
    .max(65_535)
    .nullable()
    .default(null)
    .describe('Port of the metrics server; 0 picks a free one; null turns the server off.'),
  host: z.string().min(1).default('127.0.0.1').describe('Address that the server listens on.'),
  hosts: z
    .array(z.string().regex(/^[\w.-]+$/, { error: 'expected a name, such as trainer.example.org' }))
    .default([])
    .describe(
      'Names by which clients know the server, beside localhost, `host` and addresses; requests for other names are refused.',
    ),
  tokenFile: pathSchema
    .nullable()
    .default(null)
    .describe(
      'File with a token that clients have to show: as a bearer token, or as the password of any user; null asks for none.',
    ),
  lastScrapeSeconds: z
    .number()
    .min(0)
    .max(3600)
    .default(60)
    .describe(
      'How long a run that has ended waits at most for a Prometheus that has read its metrics to read how it ended; 0 does not wait.',
    ),
});

const writtenSchema = z.strictObject({
  name: z
    .string()
    .regex(/^\w[\w.-]*$/, {
      error:
        'expected a letter, digit or underscore, then letters, digits, dots, dashes and underscores',
    })
    .optional()
    .describe('Name of the run; by default the name of the config file.'),
  task: z
    .enum(TASKS)
    .describe(`What is learned: ${TASKS.map((kind) => taskOf(kind).learns).join(', or ')}.`),
  data: dataSchema,
  model: modelSchema.prefault({}),
  train: trainSchema.prefault({}),
  workers: z
    .int()
    .min(1)
    .max(1024)
    .nullable()
    .default(null)
    .describe('Threads that compute; null takes every core. Weights do not depend on it.'),
  teams: z
    .int()
    .min(1)
    .max(1024)
    .nullable()
    .default(null)
    .describe(
      'Teams that the workers form, at most as many as there are workers; null chooses what is likely to be fastest. ' +
        'In the recurrent layers a team shares its rows, and its members divide the hidden units. Weights do not depend on it.',
    ),
  backend: z
    .enum(['auto', 'native', 'wasm', 'reference'])
    .default('auto')
    .describe('Which kernels compute; auto takes native where it can, else wasm.'),
  metrics: metricsSchema.prefault({}),
});

/** What stands between the labels of a row that may have several, where nothing else is said. */
const usualSeparator = '|';

/** What a config says, with what follows from its task where it says nothing of it. */
export const configSchema = writtenSchema.transform((config) => {
  const { losses, target, gives, tokenizer } = taskOf(config.task);
  const { kind = losses[0], ...loss } = config.train.loss;
  const { labelSeparator = usualSeparator } = config.data;
  const data = { ...config.data, tokenizer: config.data.tokenizer ?? usualTokenizers[tokenizer] };
  return {
    ...config,
    model: gives === 'pairs' ? completeEncoder(config.model) : config.model,
    data: {
      ...data,
      ...(target === 'labels' && { labelSeparator }),
      ...(gives === 'pairs' && completePairs(data)),
    },
    train: {
      ...config.train,
      loss: { kind, ...loss },
      evaluateTranslations: config.train.evaluateTranslations ?? usualTranslations(config),
    },
  };
});

/** Of translators whose best checkpoint is chosen by their translations. */
function usualTranslations({ task, train }: z.output<typeof writtenSchema>) {
  const isChosen = measureKind(train.bestBy).ofTranslations === true;
  return isChosen && taskOf(task).gives === 'pairs' ? evaluateTranslationsSchema.parse({}) : null;
}

const usualTokenizers = {
  word: tokenizerSchema.parse({ kind: 'word' }),
  bpe: tokenizerSchema.parse({ kind: 'bpe' }),
};

/** What a config says of pairs where it says nothing. */
function completePairs({
  source = 'source',
  target = 'target',
  sharedVocabulary = false,
  maxLength,
  maxSourceLength = maxLength,
  maxRatio = null,
}: z.output<typeof writtenSchema>['data']) {
  return { source, target, sharedVocabulary, maxSourceLength, maxRatio };
}

export type Config = z.output<typeof configSchema>;
/** What a config file says: every key that has a default may be left out. */
export type ConfigInput = z.input<typeof configSchema>;
