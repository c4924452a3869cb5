import { TASKS, taskOf } from '../tasks/registry.js';
import { describeValue, valueAt, type KeyPath } from './expectation.js';
import type { Problem } from './problem.js';
import type { Config } from './schema.js';

/** Keys that mean something where rows are pairs alone. */
const ofPairs: readonly KeyPath[] = [
  ...['source', 'target', 'sourceTokenizer', 'sharedVocabulary', 'maxSourceLength', 'maxRatio'].map(
    (key) => ['data', key],
  ),
  ['train', 'batchTokens'],
  ['train', 'evaluateTranslations'],
];

/** What a config says of pairs though its rows are none, or of words that both sides of them have though they do not. */
export function* checkPairs(config: Config): Generator<Problem> {
  const { task, data } = config;
  const { gives, model } = taskOf(task);
  if (gives === 'pairs') {
    yield* checkShared(config);
    return;
  }
  const why = `for ${model}, whose rows are no pairs`;
  const instead = `the task of pairs is ${TASKS.filter((each) => taskOf(each).gives === 'pairs').join(' or ')}`;
  for (const path of ofPairs) {
    const value = valueAt(config, path);
    if (value === undefined || value === null) continue;
    yield {
      path,
      message: `expected nothing ${why}, got ${describeValue(value)}; ${instead}`,
    };
  }
  for (const split of ['train', 'validation', 'test'] as const) {
    const entries: unknown = data[split];
    if (!Array.isArray(entries)) continue;
    const index = entries.findIndex(
      (each) => typeof each === 'object' && 'source' in (each as object),
    );
    if (index < 0) continue;
    yield {
      path: ['data', split],
      message: `expected files ${why}, got { source, target }; ${instead}`,
    };
  }
}

/** A weight of both sides belongs to words that both have. */
function* checkShared({ data, model: { encoder } }: Config): Generator<Problem> {
  if (encoder?.embedding['tied'] !== true || data.sharedVocabulary === true) return;
  yield {
    path: ['model', 'encoder', 'embedding', 'tied'],
    message:
      'expected false, or data.sharedVocabulary: true beside it: without that the words of the source are others than those of model.embedding, whose weight it would have',
  };
}
