import * as z from 'zod';

/** Tokenizers as JSON, in the manifest of a token store and in a run's directory. */

const wordSchema = z.strictObject({
  kind: z.literal('word'),
  filters: z.string(),
  lowerCase: z.boolean(),
  zeroDigits: z.boolean().optional(),
  split: z.string().min(1),
  outOfVocabulary: z.string().nullable(),
  /** One of the words. */
  lineEnd: z.string().min(1).optional(),
  /** In the order of their ids, from 1. */
  words: z.array(z.string()),
});

const charSchema = z.strictObject({
  kind: z.literal('char'),
  lowerCase: z.boolean(),
  /** In the order of their ids, from 2. */
  characters: z.array(z.string().min(1)),
});

const byteSchema = z.strictObject({ kind: z.literal('byte') });

const bpeSchema = z.strictObject({
  kind: z.literal('bpe'),
  /** A whole Hugging Face tokenizer.json; checked when the tokenizer is made. */
  tokenizer: z.unknown(),
});

/** Checks a tokenizer that was read from disk. */
export const serializedTokenizerSchema = z.discriminatedUnion('kind', [
  wordSchema,
  charSchema,
  byteSchema,
  bpeSchema,
]);

export type SerializedTokenizer = z.output<typeof serializedTokenizerSchema>;
export type SerializedWord = z.output<typeof wordSchema>;
export type SerializedChar = z.output<typeof charSchema>;
export type SerializedByte = z.output<typeof byteSchema>;
export type SerializedBpe = z.output<typeof bpeSchema>;
