import { parseConfig } from '../../src/config/load.js';
import { stubClassifier } from './stub.js';

/** Takes what has "money" for spam; its config's data is `data`. */
export function classifier(data = 'train: a.csv, text: body') {
  const config = parseConfig(`task: classify\ndata: { ${data} }`, 'x.yaml');
  return { openModel: () => Promise.resolve({ ...stubClassifier(), config }) };
}

export const added = 'predicted,probability_ham,probability_spam';
export const ham = 'ham,0.75,0.25';
export const spam = 'spam,0.25,0.75';
export const json = {
  ham: '"predicted":"ham","probabilities":{"ham":0.75,"spam":0.25}',
  spam: '"predicted":"spam","probabilities":{"ham":0.25,"spam":0.75}',
};
