import { featuresOf, keepsCase } from '../data/features/features.js';
import type { TokenizerConfig } from '../data/tokenizers/options.js';
import { hasCase } from '../data/tokenizers/word-forms.js';
import { taskOf } from '../tasks/registry.js';
import type { Problem } from './problem.js';
import type { Config } from './schema.js';

/** Features are of words, which rows give as they are or a tokenizer cuts out of texts; and a column of them is no other one. */
export function* checkFeatures(config: Config): Generator<Problem> {
  const { task, data, model } = config;
  if (model.features.length > 0 && taskOf(task).gives === 'text') {
    yield* checkTextFeatures(config, data.tokenizer);
    return;
  }
  for (const [index, feature] of model.features.entries()) {
    if (feature.kind !== 'column') continue;
    const name = String(feature.column);
    for (const [key, usual] of [
      ['text', 'tokens'],
      ['label', 'tags'],
    ] as const) {
      // Where nothing is said a list of JSON Lines has its usual name.
      const taken = data[key] === key ? [key, usual] : [String(data[key])];
      if (!taken.includes(name)) continue;
      yield {
        path: ['model', 'features', index, 'column'],
        message: `expected another column than that of data.${key}, got ${JSON.stringify(feature.column)}`,
      };
    }
  }
}

/** Of the words of a text is known how they are written. */
function* checkTextFeatures(
  { task, model: { features } }: Config,
  tokenizer: TokenizerConfig,
): Generator<Problem> {
  const { model, target } = taskOf(task);
  if (tokenizer.kind !== 'word') {
    yield {
      path: ['model', 'features'],
      message: `expected none beside data.tokenizer.kind: ${tokenizer.kind}, whose tokens are no words`,
    };
    return;
  }
  for (const [index, { kind }] of features.entries()) {
    if (kind !== 'column') continue;
    yield {
      path: ['model', 'features', index, 'kind'],
      message: `expected "shape", "prefix", "suffix" or "letters" for ${model}, whose words have no columns beside them, got "column"`,
    };
  }
  const cased = featuresOf(features).findIndex(keepsCase);
  if (!tokenizer.lowerCase || cased < 0) return;
  const { kind } = features[cased]!;
  if (target === 'next token') {
    yield {
      path: ['model', 'features', cased, 'kind'],
      message: `expected data.tokenizer.lowerCase: false beside "${kind}" for ${model}: the words that it generates have no capitals otherwise`,
    };
    return;
  }
  const { filters = '', split } = tokenizer;
  for (const [key, separators] of Object.entries({ filters, split })) {
    const found = Array.from(separators).find(hasCase);
    if (found === undefined) continue;
    yield {
      path: ['data', 'tokenizer', key],
      message: `expected characters without capitals beside "${kind}", which is taken before words are lower-cased, got ${JSON.stringify(found)}`,
    };
  }
}
