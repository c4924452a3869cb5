import * as z from 'zod';
import { TASKS } from '../../tasks/registry.js';
import { targetScaleSchema } from '../../tasks/target-scale.js';
import { featureVocabularySchema } from '../features/feature-schema.js';
import { serializedTokenizerSchema } from '../tokenizers/serialized.js';

/** What `manifest.json` of a token store says; see `sealed-json.ts`. */

/** Raised whenever the layout of a store or the ids it holds for the same text change. */
export const storeVersion = 3;

const size = z.int().min(0);

/** A file that is read by position, and the SHA-256 of the file with the checksums of its blocks. */
const fileSchema = z.strictObject({ bytes: size, checksums: z.string() });

const splitSchema = z.strictObject({
  rows: size,
  tokens: size,
  longestRow: size,
  /** Which rows and tokens come from which source: one run after the other. */
  sources: z.array(
    z.strictObject({
      ...{ source: size, rows: size, tokens: size },
      /** Of pairs: tokens of their sources; absent in stores from before that was counted. */
      sourceTokens: size.optional(),
    }),
  ),
  /** Ids one after the other, `idBytes` each. */
  tokensFile: fileSchema,
  /** Where tokens have tags: their ids, as many and as wide as the tokens'. */
  tagsFile: fileSchema.optional(),
  /** The same of each feature that tokens have. */
  featureFiles: z.array(fileSchema).optional(),
  /** Where rows are pairs: ids of the sources one after the other, as wide as those of the targets, which the tokens are. */
  source: z.strictObject({ tokens: size, longestRow: size, file: fileSchema }).optional(),
  /** Of a row's label, where it is a set of labels: 32 of them a word. */
  labelWords: size.optional(),
  /** A record for each row and one that closes the last. */
  rowsFile: fileSchema,
});

/** What a split is made of, for people to look at. */
const statisticsSchema = z.strictObject({
  /** Tokens of the text, before unknown words are dropped and rows truncated. */
  textTokens: size,
  /** How many of those are not in the vocabulary. */
  unknownTokens: size,
  /** Rows that lost tokens to `maxLength`. */
  truncatedRows: size,
  /** Rows without a token of their own. */
  emptyRows: size,
  /** Rows by length before truncation: of 0 tokens, 1, 2 to 3, 4 to 7, 8 to 15, … */
  lengths: z.array(size),
  /** Rows of each class, or tokens of each tag, in the order of ids; of numbers none. */
  labels: z.array(size),
  /** Where the names of tags tell a scheme (BIO, BIOES): entities, and how often it is not kept to. */
  scheme: z.strictObject({ entities: size, broken: size }).optional(),
  /** Where rows have sets of labels: how many have none, and the most that one has. */
  sets: z.strictObject({ empty: size, most: size }).optional(),
  /** The least and the greatest number, where rows have numbers. */
  range: z.tuple([z.number(), z.number()]).optional(),
  /** Of the sources of pairs, all else being of the targets: as above, and tokens of the longest. */
  source: z
    .strictObject({
      textTokens: size,
      unknownTokens: size,
      longestRow: size,
      lengths: z.array(size),
    })
    .optional(),
  /** Pairs that limits have left out of training, where they have: with an empty side, a long one, sides of too different lengths. */
  leftOut: z.strictObject({ empty: size, long: size, uneven: size }).optional(),
  /** The longest rows before truncation, with their places. */
  longest: z.array(z.strictObject({ source: size, row: size, tokens: size })),
});

const sourceSchema = z.strictObject({
  path: z.string(),
  /** Of two files whose lines belong together: the one with the targets. */
  target: z.string().optional(),
  name: z.string(),
  /** The option that named it. */
  from: z.enum(['train', 'validation', 'test']),
  bytes: size,
  /** When content and when anything else was changed last, in nanoseconds. */
  modified: z.string(),
  changed: z.string(),
  sha256: z.string(),
  /** Rows that can be used, in all splits; of a plain text for a language model 0. */
  rows: size,
  badRows: size,
});

function bySplit<T extends z.ZodType>(schema: T) {
  return z.strictObject({
    train: schema,
    validation: schema.optional(),
    test: schema.optional(),
  });
}

export const manifestSchema = z.strictObject({
  version: z.literal(storeVersion),
  fingerprint: z.string(),
  options: z.looseObject({ task: z.enum(TASKS) }),
  sources: z.array(sourceSchema),
  tokenizer: serializedTokenizerSchema,
  /** Of pairs that of the sources, where it is another one. */
  sourceTokenizer: serializedTokenizerSchema.optional(),
  classes: z.array(z.string()),
  /** Those of them that JSON writes both in quotation marks and as numbers or booleans; absent in stores from before that was counted. */
  mixedClasses: z.array(z.string()).optional(),
  /** Where rows have numbers. */
  targetScale: targetScaleSchema.optional(),
  /** What is known of tokens beside, where something is. */
  features: z.array(featureVocabularySchema).optional(),
  idBytes: z.union([z.literal(2), z.literal(4)]),
  /** Different words or characters in the training split; null for a tokenizer that counts none. */
  distinctTokens: size.nullable(),
  distinctSourceTokens: size.nullable().optional(),
  /** Rows with the same text, of pairs the same source, as an earlier one, over all splits. */
  duplicateRows: size,
  /** Rows of files of their own whose text a row of `data.train` has. */
  sharedRows: z.strictObject({ validation: size, test: size }),
  splits: bySplit(splitSchema),
  statistics: bySplit(statisticsSchema),
  /** Of `quarantine.jsonl`; null where there is none. */
  quarantine: z.strictObject({ bytes: size, sha256: z.string() }).nullable(),
});

export type Manifest = z.output<typeof manifestSchema>;
export type ManifestSource = z.output<typeof sourceSchema>;
export type Statistics = z.output<typeof statisticsSchema>;
export type SplitManifest = z.output<typeof splitSchema>;
export type FileManifest = z.output<typeof fileSchema>;
