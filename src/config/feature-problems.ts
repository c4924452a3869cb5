import { featuresOf, type Kept, keptBy } from '../data/features/features.js';
import type { TokenizerConfig } from '../data/tokenizers/options.js';
import { hasCase } from '../data/tokenizers/word-forms.js';
import { zeroDigits } from '../data/tokenizers/word-splitter.js';
import { taskOf } from '../tasks/registry.js';
import type { KeyPath } from './expectation.js';
import type { Problem } from './problem.js';
import type { Config } from './schema.js';

/** Of CoNLL files the column of the token, where a config says nothing. */
const FIRST = 1;

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
    const at: KeyPath = ['model', 'features', index, 'column'];
    // The field "1" of JSON Lines can be named in quotation marks.
    if (feature.column === FIRST && data.text === 'text' && data.format !== 'jsonl') {
      yield {
        path: at,
        message: `expected another column than that of the token, the first where data.text names none, or "${FIRST}" in quotation marks for the field of JSON Lines, got ${FIRST}`,
      };
    }
    for (const [key, usual] of [
      ['text', 'tokens'],
      ['label', 'tags'],
    ] as const) {
      // Where nothing is said a list of JSON Lines has its usual name.
      const taken = data[key] === key ? [key, usual] : [String(data[key])];
      if (!taken.includes(name)) continue;
      yield {
        path: at,
        message: `expected another column than that of data.${key}, got ${JSON.stringify(feature.column)}`,
      };
    }
  }
}

/** Of the words of a text is known how they are written. */
function* checkTextFeatures(config: Config, tokenizer: TokenizerConfig): Generator<Problem> {
  const { features } = config.model;
  const { model } = taskOf(config.task);
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
  for (const change of changes) yield* checkKept(change, config, tokenizer);
}

/** What a tokenizer makes equal in words, which some features tell apart: they are then taken from words as they were before. */
interface Change {
  readonly key: 'lowerCase' | 'zeroDigits';
  readonly kept: keyof Kept;
  readonly what: string;
  readonly done: string;
  /** Whether a separator may come or go with it. */
  readonly touches: (character: string) => boolean;
  readonly change: (token: string) => string;
}

const changes: readonly Change[] = [
  {
    ...{ key: 'lowerCase', kept: 'case', what: 'capitals', done: 'are lower-cased' },
    touches: hasCase,
    change: (token) => token.toLowerCase(),
  },
  {
    ...{ key: 'zeroDigits', kept: 'digits', what: 'digits', done: 'lose their digits' },
    touches: (character) => /[0-9]/.test(character),
    change: zeroDigits,
  },
];

function* checkKept(
  { key, kept, what, done, touches, change }: Change,
  { task, model: { features } }: Config,
  tokenizer: Extract<TokenizerConfig, { kind: 'word' }>,
): Generator<Problem> {
  const index = featuresOf(features).findIndex((feature) => keptBy([feature])[kept]);
  if (tokenizer[key] !== true || index < 0) return;
  const { kind } = features[index]!;
  const { model, target } = taskOf(task);
  if (target === 'next token') {
    yield {
      path: ['model', 'features', index, 'kind'],
      message: `expected data.tokenizer.${key}: false beside "${kind}" for ${model}: the words that it generates have no ${what} otherwise`,
    };
    return;
  }
  const { filters = '', split, lineEnd, unknownToken, outOfVocabulary } = tokenizer;
  const beside = `beside "${kind}", which is taken before words ${done}`;
  for (const [name, separators] of Object.entries({ filters, split })) {
    const found = Array.from(separators).find(touches);
    if (found === undefined) continue;
    yield {
      path: ['data', 'tokenizer', name],
      message: `expected characters without ${what} ${beside}, got ${JSON.stringify(found)}`,
    };
  }
  const marks = { lineEnd, ...(unknownToken === undefined && { outOfVocabulary }) };
  for (const [name, mark] of Object.entries(marks)) {
    if (typeof mark !== 'string' || change(mark) === mark) continue;
    yield {
      path: ['data', 'tokenizer', name],
      message: `expected a token without ${what} ${beside}, got ${JSON.stringify(mark)}`,
    };
  }
}
