import { parseConfig } from '../../src/config/load.js';
import type { TrainedModel } from '../../src/commands/library.js';
import { stubClassifier } from './stub.js';

/** Takes what has "money" for spam; its config's data is `data`. */
export function classifier(data = 'train: a.csv, text: body') {
  const config = parseConfig(`task: classify\ndata: { ${data} }`, 'x.yaml');
  return { openModel: () => Promise.resolve({ ...stubClassifier(), config }) };
}

/** Tags capital words N, others O; it reads `columns` beside them. */
export function tagger(columns: readonly string[] = []) {
  const features = columns.map((column) => `{ kind: column, column: ${column} }`).join();
  const text = `task: tag\ndata: { train: a.conll }\nmodel: { features: [${features}] }`;
  const tagOf = (token: string): string => (/^[A-Z]/.test(token) ? 'N' : 'O');
  const model: TrainedModel = {
    ...stubClassifier(),
    config: parseConfig(text, 'x.yaml'),
    classes: ['N', 'O'],
    tag: (sentences) =>
      Promise.resolve(
        sentences.map((each) =>
          ('tokens' in each ? each.tokens : each).map((token) => tagOf(token)),
        ),
      ),
  };
  return { openModel: () => Promise.resolve(model) };
}

export const added = 'predicted,probability_ham,probability_spam';
export const ham = 'ham,0.75,0.25';
export const spam = 'spam,0.25,0.75';
export const json = {
  ham: '"predicted":"ham","probabilities":{"ham":0.75,"spam":0.25}',
  spam: '"predicted":"spam","probabilities":{"ham":0.25,"spam":0.75}',
};

/** Writes sources in capital letters; its config's data is `data`. */
export function translator(data = 'train: { source: a.en, target: a.de }') {
  const model: TrainedModel = {
    ...stubClassifier(),
    config: parseConfig(`task: translate\ndata: { ${data} }`, 'x.yaml'),
    translate: (texts) =>
      Promise.resolve(
        texts.map((source) => {
          const text = source.toUpperCase();
          const translation = { text, score: 0, logProbability: 0, isCut: false, tokens: [] };
          return { translations: text === '' ? [] : [translation], sourceTokens: [], unread: 0 };
        }),
      ),
  };
  return { openModel: () => Promise.resolve(model) };
}
