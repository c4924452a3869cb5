import * as z from 'zod';
import {
  type FeatureVocabulary,
  featureVocabularySchema,
} from '../data/features/feature-schema.js';
import { tokenizerFromJson } from '../data/tokenizers/kinds.js';
import {
  type SerializedTokenizer,
  serializedTokenizerSchema,
} from '../data/tokenizers/serialized.js';
import type { Tokenizer } from '../data/tokenizers/tokenizer.js';
import { UserError } from '../errors.js';
import { type TargetScale, targetScaleSchema } from '../tasks/target-scale.js';
import { digestText } from './run-state.js';

/** `vocabulary.json` of a run: what its token ids and outputs mean. */

const vocabularySchema = z.strictObject({
  tokenizer: serializedTokenizerSchema,
  sourceTokenizer: serializedTokenizerSchema.optional(),
  classes: z.array(z.string()),
  targetScale: targetScaleSchema.optional(),
  features: z.array(featureVocabularySchema).optional(),
});

export interface Vocabulary {
  tokenizer: Tokenizer;
  /** Of pairs that of the sources, where it is another one. */
  sourceTokenizer?: Tokenizer | undefined;
  classes: readonly string[];
  /** Of numbers. */
  targetScale?: TargetScale | undefined;
  /** What is known of tokens beside. */
  features?: readonly FeatureVocabulary[] | undefined;
}

/** The same vocabulary gives the same text. */
export function formatVocabulary(vocabulary: Vocabulary): string {
  return format(vocabulary, (tokenizer) => tokenizer);
}

function format(
  { tokenizer, sourceTokenizer, classes, targetScale, features = [] }: Vocabulary,
  order: (tokenizer: SerializedTokenizer) => object,
): string {
  const known = {
    ...(sourceTokenizer && { sourceTokenizer: order(sourceTokenizer.toJSON()) }),
    ...(features.length > 0 && { features }),
  };
  const json = { tokenizer: order(tokenizer.toJSON()), classes, targetScale, ...known };
  return `${JSON.stringify(json)}\n`;
}

/** As tokenizers that had just been trained were once written: read again, they were written in the order of today. */
function orderOnce(tokenizer: SerializedTokenizer): object {
  if (tokenizer.kind !== 'word') return tokenizer;
  const { kind, filters, lowerCase, split, zeroDigits, lineEnd, ...others } = tokenizer;
  return { kind, filters, lowerCase, split, zeroDigits, lineEnd, ...others };
}

/**
 * @param digest SHA-256 that the text is to have
 * @throws UserError naming the file when the text is no vocabulary, or another one
 */
export function parseVocabulary(file: string, text: string, digest: string): Vocabulary {
  const isOwn = digestText(text) === digest;
  let vocabulary: Vocabulary | undefined;
  try {
    vocabulary = readVocabulary(text);
  } catch (error) {
    if (isOwn) {
      throw new UserError(`${file}: damaged: expected a vocabulary as lockstep writes it`, {
        cause: error,
      });
    }
  }
  if (vocabulary && (isOwn || isWritten(vocabulary, digest))) return vocabulary;
  throw new UserError(
    `${file}: damaged or of another run: its SHA-256 is not the one in the checkpoint's state.json`,
  );
}

/** Whether a vocabulary had a digest in one of the ways in which it was ever written: a resume may have written it anew in another. */
function isWritten(vocabulary: Vocabulary, digest: string): boolean {
  const texts = [formatVocabulary(vocabulary), format(vocabulary, orderOnce)];
  return texts.some((text) => digestText(text) === digest);
}

/** @throws for what is no vocabulary */
function readVocabulary(text: string): Vocabulary {
  const { tokenizer, sourceTokenizer, ...outputs } = vocabularySchema.parse(JSON.parse(text));
  return {
    tokenizer: tokenizerFromJson(tokenizer),
    ...(sourceTokenizer && { sourceTokenizer: tokenizerFromJson(sourceTokenizer) }),
    ...outputs,
  };
}
