import * as z from 'zod';
import { tokenizerSchema } from '../data/tokenizers/options.js';

/** What a config says of its data: files, columns, tokenizer and how rows are chosen. */

const count = z.int().positive();

/** A file or directory: no name on a disk has a NUL. */
export const pathSchema = z
  .string()
  .min(1)
  .refine((path) => !path.includes('\0'), { error: 'expected a name without NUL' });

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

const filePair = {
  source: paths.describe('Text files or globs with what is to be translated, a line each.'),
  target: paths.describe('As many files, in the same order, with the translations line by line.'),
};

const filePairSchema = z.strictObject(filePair).meta({ id: 'filePair' });

const weightedPairSchema = z
  .strictObject({ ...filePair, weight: weightedPathSchema.shape.weight })
  .meta({ id: 'weightedFilePair' });

type TrainFiles =
  string | z.output<typeof weightedPathSchema> | z.output<typeof weightedPairSchema>;

const trainFiles = z.union([
  z
    .string()
    .min(1)
    .transform((path): TrainFiles[] => [path]),
  weightedPairSchema.transform((pair): TrainFiles[] => [pair]),
  z.array(z.union([z.string().min(1), weightedPathSchema, weightedPairSchema])).min(1),
]);

type HeldOutFiles = string | z.output<typeof filePairSchema>;

const heldOutFiles = z.union([
  z.number().min(0).max(0.9),
  z
    .string()
    .min(1)
    .transform((path): HeldOutFiles[] => [path]),
  filePairSchema.transform((pair): HeldOutFiles[] => [pair]),
  z.array(z.union([z.string().min(1), filePairSchema])).min(1),
]);

const column = z.union([z.string().min(1), count]);

export const dataSchema = z.strictObject({
  train: trainFiles.describe(
    'Files or globs, relative to the working directory; `{ path, weight }` shows some more or less often than others. For `translate` also `{ source, target }`: two text files whose lines belong together.',
  ),
  validation: heldOutFiles
    .default(0.1)
    .describe(
      "A fraction of the training rows (taken by a fixed hash of each row's place), or files of their own.",
    ),
  test: heldOutFiles.optional().describe('Held-out files, or a fraction of the training rows.'),
  format: z
    .enum(['csv', 'tsv', 'jsonl', 'text', 'parquet', 'conll'])
    .optional()
    .describe("How the files are laid out; by default told from the file name's extension."),
  text: column
    .default('text')
    .describe(
      'Column (CSV, Parquet) or field (JSONL) that holds the text. Dots lead into objects and arrays: `mail.parts.0`. Of a CSV also the number of the column, from 1. For `tag` what holds the tokens: a number of CoNLL columns, the first by default; a field with a list, `tokens` by default.',
    ),
  label: column
    .default('label')
    .describe(
      'Column or field that holds the class, for `multi-label` the labels, or for `regress` the number; for `tag` what holds the tags: a number of CoNLL columns, the last by default; a field with a list, `tags` by default.',
    ),
  source: column
    .optional()
    .describe(
      'For `translate` from tables: column or field that holds what is to be translated; `source` by default.',
    ),
  target: column.optional().describe('The same of the translation; `target` by default.'),
  labelSeparator: z
    .string()
    .min(1)
    .optional()
    .describe(
      'What stands between the labels of a row (multi-label); `|` by default. A field of a JSONL, or a column of a Parquet file, may hold a list of them as well.',
    ),
  decimalMark: z
    .enum(['.', ','])
    .optional()
    .describe(
      "What stands before the decimals of a row's number (regress) that is written for people, with blanks, apostrophes, or the other of point and comma, between thousands: with a comma `1.250` and `1.250,0` are 1250, with a point `1,250` and `1,250.0` are. By default thousands are not parted, and decimals stand behind a point: `1.250` is 1.25, and `1,250` no number.",
    ),
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
  tokenizer: tokenizerSchema
    .optional()
    .describe(
      'How text becomes token ids; `word` by default, for `translate`, whose both sides it is for, `bpe`.',
    ),
  sourceTokenizer: tokenizerSchema
    .optional()
    .describe('How what is to be translated becomes token ids, where not by `tokenizer`.'),
  sharedVocabulary: z
    .boolean()
    .optional()
    .describe(
      'Whether both sides of `translate` have one vocabulary, learned from both; false by default.',
    ),
  maxLength: count
    .default(256)
    .describe(
      'Longest row in tokens (all but language models); longer ones are truncated. For `translate` the longest translation: longer pairs are left out of training, and truncated elsewhere.',
    ),
  maxSourceLength: count
    .optional()
    .describe('The same of what is to be translated; as `maxLength` by default.'),
  maxRatio: z
    .number()
    .min(1)
    .nullable()
    .optional()
    .describe(
      'How many times as many tokens one side of a pair may have as the other (translate); pairs beyond are left out of training. By default any number.',
    ),
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
      'Share of the training rows that may have no token of their own (all but language models and taggers), beyond which preparation is refused; 1 takes any.',
    ),
  storeDir: pathSchema.default('data/stores').describe('Where the token store is kept.'),
});
