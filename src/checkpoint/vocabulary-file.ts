import * as z from 'zod';
import {
  type FeatureVocabulary,
  featureVocabularySchema,
} from '../data/features/feature-schema.js';
import { tokenizerFromJson } from '../data/tokenizers/kinds.js';
import { serializedTokenizerSchema } from '../data/tokenizers/serialized.js';
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
export function formatVocabulary({
  tokenizer,
  sourceTokenizer,
  classes,
  targetScale,
  features = [],
}: Vocabulary): string {
  const known = {
    ...(sourceTokenizer && { sourceTokenizer: sourceTokenizer.toJSON() }),
    ...(features.length > 0 && { features }),
  };
  return `${JSON.stringify({ tokenizer: tokenizer.toJSON(), classes, targetScale, ...known })}\n`;
}

/**
 * @param digest SHA-256 that the text is to have
 * @throws UserError naming the file when the text is no vocabulary, or another one
 */
export function parseVocabulary(file: string, text: string, digest: string): Vocabulary {
  if (digestText(text) !== digest) {
    throw new UserError(
      `${file}: damaged or of another run: its SHA-256 is not the one in the checkpoint's state.json`,
    );
  }
  try {
    const { tokenizer, sourceTokenizer, ...outputs } = vocabularySchema.parse(JSON.parse(text));
    return {
      tokenizer: tokenizerFromJson(tokenizer),
      ...(sourceTokenizer && { sourceTokenizer: tokenizerFromJson(sourceTokenizer) }),
      ...outputs,
    };
  } catch (error) {
    throw new UserError(`${file}: damaged: expected a vocabulary as lockstep writes it`, {
      cause: error,
    });
  }
}
