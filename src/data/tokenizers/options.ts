import * as z from 'zod';

/** What a config says of its tokenizer, a schema a kind. */

const count = z.int().positive();

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
  zeroDigits: z
    .boolean()
    .optional()
    .describe('Whether every digit is read as 0, so that numbers of as many digits are one word.'),
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

export const tokenizerSchema = z
  .discriminatedUnion('kind', [
    wordTokenizerSchema,
    charTokenizerSchema,
    byteTokenizerSchema,
    bpeTokenizerSchema,
  ])
  .meta({ id: 'tokenizer' });

export type TokenizerConfig = z.output<typeof tokenizerSchema>;

export type BpeConfig = z.output<typeof bpeTokenizerSchema>;

/** What a config says of a tokenizer of this kind when it says nothing. */
export const usualBpe: Readonly<BpeConfig> = bpeTokenizerSchema.parse({ kind: 'bpe' });
