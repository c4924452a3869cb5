import { describeValue } from '../config/expectation.js';
import type { NamedConfig } from '../config/load.js';
import type { FeatureVocabulary } from '../data/features/features.js';
import type { Tokenizer } from '../data/tokenizers/tokenizer.js';
import { UserError } from '../errors.js';
import type { Likelihood } from '../train/trained-model.js';

/** What is scored, as callers in JavaScript give it, and what is told of it. */

/** What likelihoods are computed with. */
export interface LikelihoodModel {
  readonly config: NamedConfig;
  readonly checkpoint: string;
  readonly tokenizer: Tokenizer;
  readonly sourceTokenizer?: Tokenizer;
  readonly classes: readonly string[];
  readonly features: readonly FeatureVocabulary[];
}

/** A sum over tokens in their order. */
export function sumTokens(
  texts: readonly string[],
  losses: Float64Array,
): Required<Pick<Likelihood, 'logProbability' | 'tokens'>> {
  return {
    logProbability: losses.reduce((sum, loss) => sum - loss, 0),
    tokens: texts.map((text, i) => ({ text, logProbability: 0 - losses[i]! })),
  };
}

export function expectText(given: unknown, what: string): string {
  if (typeof given === 'string') return given;
  throw new UserError(`score: expected ${what} to be a text, got ${describeValue(given)}`);
}

export function expectObject(given: unknown, expected: string): Record<string, unknown> {
  if (typeof given === 'object' && given !== null && !Array.isArray(given)) {
    return given as Record<string, unknown>;
  }
  throw new UserError(`score: expected ${expected}, got ${describeValue(given)}`);
}
