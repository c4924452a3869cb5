import { z } from 'zod';
import { serializedTokenizerSchema } from './tokenizers/serialized.js';

/** What `manifest.json` of a token store says. */

/** Raised whenever the layout of a store or the ids it holds for the same text change. */
export const storeVersion = 1;

export const manifestName = 'manifest.json';

const size = z.int().min(0);

const fileSchema = z.strictObject({ bytes: size, sha256: z.string() });

const splitSchema = z.strictObject({
  rows: size,
  tokens: size,
  longestRow: size,
  /** Ids one after the other, `idBytes` each. */
  tokensFile: fileSchema,
  /** A record for each row and one that closes the last. */
  rowsFile: fileSchema,
});

const sourceSchema = z.strictObject({
  path: z.string(),
  name: z.string(),
  /** The option that named it. */
  from: z.enum(['train', 'validation', 'test']),
  bytes: size,
  modified: z.string(),
  sha256: z.string(),
});

export const manifestSchema = z.strictObject({
  version: z.literal(storeVersion),
  fingerprint: z.string(),
  options: z.record(z.string(), z.unknown()),
  sources: z.array(sourceSchema),
  tokenizer: serializedTokenizerSchema,
  classes: z.array(z.string()),
  idBytes: z.union([z.literal(2), z.literal(4)]),
  splits: z.strictObject({
    train: splitSchema,
    validation: splitSchema.optional(),
    test: splitSchema.optional(),
  }),
});

export type Manifest = z.output<typeof manifestSchema>;
export type ManifestSource = z.output<typeof sourceSchema>;
export type SplitManifest = z.output<typeof splitSchema>;
