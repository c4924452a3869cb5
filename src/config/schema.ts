import { z } from 'zod';

/** Configuration of a run: one schema gives the types, the defaults and the checks. */

const count = z.int().positive();

/** How text becomes token ids. `vocabularySize` counts every id, padding and unknown included. */
const tokenizerSchema = z.discriminatedUnion('kind', [
  z.strictObject({
    kind: z.literal('word'),
    /** Keras `num_words`: only the `vocabularySize - 1` most frequent words are kept (ids 1 … vocabularySize-1). */
    vocabularySize: z.int().min(3).default(10_000),
    /** Characters that separate words; Keras's default when absent. */
    filters: z.string().optional(),
    lowerCase: z.boolean().default(true),
    split: z.string().min(1).default(' '),
    /** Token for words outside the vocabulary (id 1); null drops such words, as Keras does without `oov_token`. */
    outOfVocabulary: z.string().nullable().default('<unk>'),
    /** Words seen fewer times than this in the training split are out of vocabulary. */
    minCount: count.default(2),
  }),
  z.strictObject({
    kind: z.literal('char'),
    /** At most this many characters; rarer ones become the unknown token. */
    vocabularySize: z.int().min(3).default(1024),
    lowerCase: z.boolean().default(false),
    minCount: count.default(1),
  }),
  z.strictObject({ kind: z.literal('byte') }),
]);

const paths = z.union([
  z
    .string()
    .min(1)
    .transform((path) => [path]),
  z.array(z.string().min(1)).min(1),
]);

const dataSchema = z.strictObject({
  /** Files or globs, relative to the working directory. */
  train: paths,
  /** A fraction of the training rows (taken by a fixed hash of each row's place), or files of their own. */
  validation: z.union([z.number().min(0).max(0.9), paths]).default(0.1),
  /** Held-out files, or a fraction of the training rows. */
  test: z.union([z.number().min(0).max(0.9), paths]).optional(),
  /** By default told from the file name's extension. */
  format: z.enum(['csv', 'tsv', 'jsonl', 'text']).optional(),
  /** Column (CSV) or field (JSONL) that holds the text. */
  text: z.string().min(1).default('text'),
  /** Column or field that holds the class; for `classify` only. */
  label: z.string().min(1).default('label'),
  tokenizer: tokenizerSchema.prefault({ kind: 'word' }),
  /** Longest row in tokens (classify); longer ones are truncated. */
  maxLength: count.default(256),
  /** Which end of a longer row is cut away (Keras `truncating`). */
  truncate: z.enum(['pre', 'post']).default('post'),
  /** Where the token store is kept. */
  storeDir: z.string().min(1).default('data/stores'),
});

const layerSchema = z.strictObject({
  cell: z.enum(['lstm']).default('lstm'),
  hiddenSize: count,
});

const modelSchema = z.strictObject({
  /** Width of the embedding vectors. */
  embedding: count.default(64),
  layers: z
    .array(layerSchema)
    .min(1)
    .default([{ cell: 'lstm', hiddenSize: 128 }]),
  /** Share of every LSTM layer's outputs that is dropped in training. */
  dropout: z.number().min(0).lt(1).default(0),
});

const optimizerSchema = z.strictObject({
  kind: z.enum(['adam']).default('adam'),
  learningRate: z.number().positive().max(10).default(0.001),
  beta1: z.number().min(0).lt(1).default(0.9),
  beta2: z.number().min(0).lt(1).default(0.999),
  epsilon: z.number().positive().default(1e-8),
});

const trainSchema = z.strictObject({
  /** Rows of one optimizer update, over all workers. */
  batchSize: count.default(32),
  /** Time steps of truncated back-propagation through time (language models). */
  sequenceLength: count.default(64),
  epochs: count.default(10),
  /** Ends the run after this many updates, whatever `epochs` says. */
  maxSteps: count.optional(),
  optimizer: optimizerSchema.prefault({}),
  /** Global gradient norm above which gradients are scaled down; null turns clipping off. */
  clipNorm: z.number().positive().nullable().default(5),
  /** Groups of rows whose gradients are summed in one fixed tree; a power of two. */
  shards: z
    .int()
    .min(1)
    .max(1024)
    .refine((n) => (n & (n - 1)) === 0, { error: 'expected a power of two' })
    .default(16),
  seed: z.int().min(0).max(0xffff_ffff).default(1),
  /** Updates between two evaluations on the validation split; 0 means at the end of each epoch. */
  evaluateEverySteps: z.int().min(0).default(0),
  checkpoint: z
    .strictObject({
      /** Updates between two checkpoints; 0 means at the end of each epoch. */
      everySteps: z.int().min(0).default(0),
      /** How many of the newest checkpoints are kept; the best one and the last one always are. */
      keep: count.default(3),
    })
    .prefault({}),
});

export const configSchema = z.strictObject({
  /** Name of the run; by default the name of the config file. */
  name: z
    .string()
    .regex(/^[\w.-]+$/, { error: 'expected letters, digits, dots, dashes and underscores' })
    .optional(),
  task: z.enum(['classify', 'language-model']),
  data: dataSchema,
  model: modelSchema.prefault({}),
  train: trainSchema.prefault({}),
  /** Threads that compute; null takes every core. Weights do not depend on it. */
  workers: z.int().min(1).max(1024).nullable().default(null),
  backend: z.enum(['auto', 'native', 'wasm', 'reference']).default('auto'),
  metrics: z
    .strictObject({
      /** Port of the metrics server; 0 picks a free one; null turns the server off. */
      port: z.int().min(0).max(65_535).nullable().default(null),
      host: z.string().min(1).default('127.0.0.1'),
    })
    .prefault({}),
});

export type Config = z.output<typeof configSchema>;
export type TokenizerConfig = Config['data']['tokenizer'];
