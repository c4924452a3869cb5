import { z } from 'zod';

/**
 * Configuration of a run: one schema gives the types, the defaults, the checks and, by its
 * descriptions, the JSON Schema that editors use (configs/schema.json).
 */

const count = z.int().positive();

/** For numbers that the kernels take as float32. */
const fitsFloat32 = (value: number): boolean => {
  const rounded = Math.fround(value);
  return Number.isFinite(rounded) && (rounded === 0) === (value === 0) && rounded < 1 === value < 1;
};

const misfit = {
  error: 'expected a number that rounding to float32 turns into neither 0 nor 1 nor infinity',
};

const wordTokenizerSchema = z.strictObject({
  kind: z.literal('word'),
  vocabularySize: z
    .int()
    .min(3)
    .default(10_000)
    .describe(
      'How many ids there are, padding and unknown included. As with Keras `num_words`, the most frequent words get the ids 1 … vocabularySize-1.',
    ),
  filters: z
    .string()
    .optional()
    .describe("Characters that separate words; the Keras tokenizer's punctuation when absent."),
  lowerCase: z.boolean().default(true).describe('Whether text is lower-cased first.'),
  split: z.string().min(1).default(' ').describe('What stands between two words.'),
  outOfVocabulary: z
    .string()
    .nullable()
    .default('<unk>')
    .describe(
      'Token for words outside the vocabulary (id 1); null drops such words, as Keras does without `oov_token`.',
    ),
  unknownToken: z
    .string()
    .min(1)
    .optional()
    .describe(
      'A word of the text that is the unknown token itself, as `<unk>` is in the files of the Penn Treebank; words outside the vocabulary join it, whatever `outOfVocabulary` says.',
    ),
  lineEnd: z
    .string()
    .min(1)
    .optional()
    .describe(
      'Token that every line end becomes, such as `<eos>`; without it line ends are characters like others, which `filters` may drop.',
    ),
  minCount: count
    .default(2)
    .describe('Words seen fewer times than this in the training split are out of vocabulary.'),
});

const charTokenizerSchema = z.strictObject({
  kind: z.literal('char'),
  vocabularySize: z
    .int()
    .min(3)
    .default(1024)
    .describe('At most this many characters; rarer ones become the unknown token.'),
  lowerCase: z.boolean().default(false).describe('Whether text is lower-cased first.'),
  minCount: count
    .default(1)
    .describe('Characters seen fewer times than this in the training split are unknown.'),
});

const byteTokenizerSchema = z.strictObject({ kind: z.literal('byte') });

const bpeTokenizerSchema = z.strictObject({
  kind: z.literal('bpe'),
  file: z
    .string()
    .min(1)
    .optional()
    .describe(
      'A Hugging Face tokenizer.json with a byte-level BPE model, which is taken as it is; without it, merges are learned from the training split.',
    ),
  vocabularySize: z
    .int()
    .min(257)
    .max(1 << 24)
    .default(8192)
    .describe('How many ids are learned, padding and the 256 bytes included.'),
  lowerCase: z.boolean().default(false).describe('Whether text is lower-cased first.'),
  trainBytes: count
    .default(32 << 20)
    .describe(
      'Merges are learned from about this many bytes of text at most, taken evenly from the whole training split.',
    ),
});

const tokenizerSchema = z.discriminatedUnion('kind', [
  wordTokenizerSchema,
  charTokenizerSchema,
  byteTokenizerSchema,
  bpeTokenizerSchema,
]);

const paths = z.union([
  z
    .string()
    .min(1)
    .transform((path) => [path]),
  z.array(z.string().min(1)).min(1),
]);

const weightedPathSchema = z.strictObject({
  path: z.string().min(1).describe('A file or glob.'),
  weight: z
    .number()
    .positive()
    .max(1000)
    .default(1)
    .describe(
      'How often an epoch shows the rows of these files: 2 shows each twice, 0.5 half of them, and the other half in the next epoch.',
    ),
});

const weightedPaths = z.union([
  z
    .string()
    .min(1)
    .transform((path) => [path]),
  z.array(z.union([z.string().min(1), weightedPathSchema])).min(1),
]);

const column = z.union([z.string().min(1), count]);

const dataSchema = z.strictObject({
  train: weightedPaths.describe(
    'Files or globs, relative to the working directory; `{ path, weight }` shows some more or less often than others.',
  ),
  validation: z
    .union([z.number().min(0).max(0.9), paths])
    .default(0.1)
    .describe(
      "A fraction of the training rows (taken by a fixed hash of each row's place), or files of their own.",
    ),
  test: z
    .union([z.number().min(0).max(0.9), paths])
    .optional()
    .describe('Held-out files, or a fraction of the training rows.'),
  format: z
    .enum(['csv', 'tsv', 'jsonl', 'text', 'parquet'])
    .optional()
    .describe("How the files are laid out; by default told from the file name's extension."),
  text: column
    .default('text')
    .describe(
      'Column (CSV, Parquet) or field (JSONL) that holds the text. Dots lead into objects and arrays: `mail.parts.0`. Of a CSV also the number of the column, from 1.',
    ),
  label: column
    .default('label')
    .describe('Column or field that holds the class; for `classify` only.'),
  header: z
    .boolean()
    .default(true)
    .describe(
      'Whether the first row of a CSV names its columns; without, `text` and `label` are numbers.',
    ),
  delimiter: z
    .string()
    .regex(/^[^"\r\n]$/, { error: 'expected one character' })
    .optional()
    .describe('What stands between the cells of a CSV; by default a comma, in a TSV a tab.'),
  quote: z
    .enum(['"', 'auto', 'none'])
    .optional()
    .describe(
      'What quotation marks of a CSV stand for: around any cell (`"`, by default in a CSV), around cells that end in their line and hold only doubled ones (`auto`, by default in a TSV), or for themselves (`none`).',
    ),
  encoding: z
    .enum(['utf-8', 'utf-16le', 'utf-16be', 'latin1', 'windows-1252'])
    .optional()
    .describe(
      'How the characters of CSV, JSONL and text files are written; by default what the byte order mark says, else UTF-8.',
    ),
  textUnit: z
    .enum(['line', 'paragraph', 'whole'])
    .default('line')
    .describe('What a row of a text file is; paragraphs end at a blank line.'),
  tokenizer: tokenizerSchema.prefault({ kind: 'word' }).describe('How text becomes token ids.'),
  maxLength: count
    .default(256)
    .describe('Longest row in tokens (classify); longer ones are truncated.'),
  truncate: z
    .enum(['pre', 'post'])
    .default('post')
    .describe('Which end of a longer row is cut away (Keras `truncating`).'),
  onBadRow: z
    .enum(['error', 'skip', 'quarantine'])
    .default('error')
    .describe(
      'What becomes of a row that cannot be used: it ends the preparation, is left out, or is left out and written to quarantine.jsonl in the token store.',
    ),
  maxBadRows: z
    .int()
    .min(0)
    .nullable()
    .default(null)
    .describe('Bad rows that may be left out, over all files; null leaves out any number.'),
  maxEmptyShare: z
    .number()
    .min(0)
    .max(1)
    .default(0.5)
    .describe(
      'Share of the training rows that may have no token of their own (classify), beyond which preparation is refused; 1 takes any.',
    ),
  storeDir: z.string().min(1).default('data/stores').describe('Where the token store is kept.'),
});

const layerSchema = z.strictObject({
  cell: z.enum(['lstm']).default('lstm'),
  hiddenSize: count.describe("Width of the layer's hidden state."),
});

const modelSchema = z.strictObject({
  embedding: count.default(64).describe('Width of the embedding vectors.'),
  layers: z
    .array(layerSchema)
    .min(1)
    .default([{ cell: 'lstm', hiddenSize: 128 }])
    .describe('Stacked recurrent layers, the first one first.'),
  dropout: z
    .number()
    .min(0)
    .lt(1)
    .refine(fitsFloat32, misfit)
    .default(0)
    .describe("Share of every LSTM layer's outputs that is dropped in training."),
});

const scheduleSchema = z.strictObject({
  kind: z
    .enum(['constant', 'linear', 'cosine'])
    .default('constant')
    .describe(
      'How the learning rate goes on after the warm-up: it stays, or falls to nothing by the end of `train.epochs` in a straight line or in half a cosine wave.',
    ),
  warmupSteps: z
    .int()
    .min(0)
    .default(0)
    .describe('Updates in which the learning rate rises from nothing to its full value.'),
});

const optimizerSchema = z.strictObject({
  kind: z.enum(['adam']).default('adam'),
  learningRate: z.number().positive().max(10).refine(fitsFloat32, misfit).default(0.001),
  schedule: scheduleSchema.prefault({}),
  beta1: z
    .number()
    .min(0)
    .lt(1)
    .refine(fitsFloat32, misfit)
    .default(0.9)
    .describe("Decay of the gradients' running mean, per step."),
  beta2: z
    .number()
    .min(0)
    .lt(1)
    .refine(fitsFloat32, misfit)
    .default(0.999)
    .describe('Decay of the running mean of their squares, per step.'),
  epsilon: z
    .number()
    .positive()
    .refine(fitsFloat32, misfit)
    .default(1e-8)
    .describe("Added to the update's denominator."),
});

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
  patience: count.describe(
    'Evaluations in a row without a lower validation loss that end the run.',
  ),
});

const trainSchema = z.strictObject({
  batchSize: count.default(32).describe('Rows of one optimizer update, over all workers.'),
  bucketBatches: count
    .max(4096)
    .default(1)
    .describe(
      'Batches whose rows are sorted by length together, so that a batch has rows of about one length and little padding (classify); 1 leaves rows where chance puts them.',
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
  optimizer: optimizerSchema.prefault({}),
  clipNorm: z
    .number()
    .positive()
    .refine(fitsFloat32, misfit)
    .nullable()
    .default(5)
    .describe(
      'Global gradient norm above which gradients are scaled down; null turns clipping off.',
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
  earlyStopping: earlyStoppingSchema
    .nullable()
    .default(null)
    .describe('Ends the run when the validation loss no longer falls; null trains to the end.'),
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
  tokenFile: z
    .string()
    .min(1)
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

export const configSchema = z.strictObject({
  name: z
    .string()
    .regex(/^\w[\w.-]*$/, {
      error:
        'expected a letter, digit or underscore, then letters, digits, dots, dashes and underscores',
    })
    .optional()
    .describe('Name of the run; by default the name of the config file.'),
  task: z
    .enum(['classify', 'language-model'])
    .describe('What is learned: the class of a row, or the next token of a text.'),
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
        'In the LSTM layers a team shares its rows, and its members divide the hidden units. Weights do not depend on it.',
    ),
  backend: z
    .enum(['auto', 'native', 'wasm', 'reference'])
    .default('auto')
    .describe('Which kernels compute; auto takes native where it can, else wasm.'),
  metrics: metricsSchema.prefault({}),
});

export type Config = z.output<typeof configSchema>;
/** What a config file says: every key that has a default may be left out. */
export type ConfigInput = z.input<typeof configSchema>;
export type TokenizerConfig = Config['data']['tokenizer'];
