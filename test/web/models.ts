import { parseConfig } from '../../src/config/load.js';
import type { FeatureVocabulary } from '../../src/data/features/features.js';
import { trainTokenizer } from '../../src/data/tokenizers/kinds.js';
import { BpeCounter } from '../../src/data/tokenizers/bpe-training.js';
import { splitWords } from '../../src/data/tokenizers/word.js';
import type { TokenizerConfig } from '../../src/data/tokenizers/options.js';
import type { Tokenizer } from '../../src/data/tokenizers/tokenizer.js';
import { describeNetwork } from '../../src/model/graph/describe.js';
import { elementsOf } from '../../src/model/weights/parameters.js';
import { fillUniform, PURPOSE, streamOf } from '../../src/tensor/random.js';
import { shapeOf, type ReadModel } from '../../src/use/read-model.js';

/** Models of all tasks, of many kinds of layers and of all tokenizers, with weights that nobody has trained. */

const words =
  'the river ran under Ünter an old bridge and 12 boats lay there, where 7 winds met'.split(' ');

/** Texts of all lengths, from none to some beyond what is read. */
export const texts: readonly string[] = [
  ...['', ' ', 'the', 'BRIDGE', 'a 🚢 lay there — ΟΔΥΣΣΕΥΣ', 'x\ny\r\nz', 'half \ud83d a pair'],
  ...Array.from({ length: 40 }, (_, i) =>
    Array.from({ length: (i * 7) % 41 }, (_, k) => words[(i * 3 + k * k) % words.length]!).join(
      ' ',
    ),
  ),
];

const corpus = texts.join(' ');

const configs = {
  classify: `task: classify
data: { train: a.csv, maxLength: 30, tokenizer: { kind: word, minCount: 1 } }
model: { embedding: 8, layers: [{ kind: lstm, hiddenSize: 20, direction: both }, { kind: convolution, width: 3, channels: 9 }], pooling: attention }
`,
  'classify with features': `task: classify
data: { train: a.csv, maxLength: 30, tokenizer: { kind: word, minCount: 2 } }
model: { embedding: 8, features: [{ kind: shape, width: 4 }, { kind: letters, embedding: 4, width: 6 }], layers: [{ kind: gru, hiddenSize: 12 }] }
`,
  labels: `task: multi-label
data: { train: a.csv, maxLength: 60, tokenizer: { kind: char } }
model: { embedding: 8, layers: [{ kind: gru, hiddenSize: 17, layerNorm: true }], pooling: max }
`,
  regress: `task: regress
data: { train: a.csv, maxLength: 40, tokenizer: { kind: bpe, vocabularySize: 300 } }
model: { embedding: 8, layers: [{ kind: rnn, hiddenSize: 20 }] }
`,
  tag: `task: tag
data: { train: a.conll, maxLength: 12, tokenizer: { kind: word, minCount: 1 } }
model: { embedding: 8, features: [{ kind: column, column: 2, width: 3 }, { kind: suffix, length: 2, width: 5 }, { kind: letters, read: lstm, embedding: 4, width: 6 }], layers: [{ kind: lstm, hiddenSize: 16, direction: both }] }
train: { loss: { kind: crf } }
`,
  bytes: `task: language-model
data: { train: a.txt, tokenizer: { kind: byte } }
model: { embedding: 8, layers: [{ kind: lstm, hiddenSize: 24 }, { kind: lstm, hiddenSize: 16 }] }
train: { sequenceLength: 16 }
`,
  words: `task: language-model
data: { train: a.txt, tokenizer: { kind: word, minCount: 1, lineEnd: <eos> } }
model: { embedding: { width: 16, tied: true }, layers: [{ kind: gru, hiddenSize: 16 }] }
train: { sequenceLength: 16 }
`,
  translate: `task: translate
data: { train: { source: a, target: b }, maxLength: 15, maxSourceLength: 20, tokenizer: { kind: bpe, vocabularySize: 280 }, sourceTokenizer: { kind: word, minCount: 2, filters: '' } }
model:
  embedding: 12
  encoder: { embedding: 8, layers: [{ cell: lstm, hiddenSize: 12, direction: both }] }
  layers: [{ cell: lstm, hiddenSize: 16 }]
`,
  'translate with one vocabulary': `task: translate
data: { train: { source: a, target: b }, maxLength: 15, maxSourceLength: 20, sharedVocabulary: true, tokenizer: { kind: word, minCount: 2, filters: '' } }
model:
  embedding: { width: 12, tied: true }
  encoder: { embedding: { tied: true }, layers: [{ kind: gru, hiddenSize: 10 }, { kind: lstm, hiddenSize: 12 }] }
  layers: [{ cell: gru, hiddenSize: 16 }, { cell: lstm, hiddenSize: 16 }]
  attention: { kind: additive, width: 12, inputFeeding: true }
`,
} as const;

export type ModelName = keyof typeof configs;
export const modelNames = Object.keys(configs) as ModelName[];

const tags = ['O', 'B-PER', 'I-PER', 'B-LOC', 'I-LOC'];

/** A model as it is read from a run's directory. */
export function makeModel(name: ModelName): ReadModel {
  const config = parseConfig(configs[name], `${name}.yaml`);
  const { tokenizer, sourceTokenizer } = config.data;
  const { task } = config;
  const vocabulary = {
    tokenizer: learn(tokenizer),
    ...(sourceTokenizer && { sourceTokenizer: learn(sourceTokenizer) }),
    classes: {
      ...{ classify: ['north', 'south', 'east'], 'multi-label': ['wet', 'old', 'dry', 'new'] },
      ...{ tag: tags, regress: [], 'language-model': [], translate: [] },
    }[task],
    ...(task === 'regress' && { targetScale: { mean: 12.5, deviation: 3 } }),
    features: config.model.features.map(learnValues),
  };
  const state = { step: 7, corpus: '', vocabulary: '' } as ReadModel['state'];
  const shape = shapeOf(config, vocabulary, state);
  const weights = new Map(
    describeNetwork(shape).parameters.map(({ name: parameter, shape: sizes }) => {
      const values = new Float32Array(elementsOf(sizes));
      fillUniform(values, 0.5, 1, PURPOSE.weights, streamOf(parameter));
      return [parameter, values];
    }),
  );
  return { config, vocabulary, state, found: { checkpoint: name }, shape, weights };
}

function learn(config: TokenizerConfig): Tokenizer {
  return trainTokenizer(config, countTokens(config));
}

function countTokens(config: TokenizerConfig): ReadonlyMap<string, number> {
  if (config.kind === 'bpe') {
    const counter = new BpeCounter(config);
    counter.add(corpus);
    return counter.counts;
  }
  const tokens = config.kind === 'word' ? splitWords(corpus, config) : Array.from(corpus);
  const counts = new Map<string, number>();
  for (const token of tokens) counts.set(token, (counts.get(token) ?? 0) + 1);
  return counts;
}

function learnValues(feature: ReadModel['config']['model']['features'][number]): FeatureVocabulary {
  switch (feature.kind) {
    case 'shape':
      return { kind: 'shape', values: ['xx', 'Xxx', 'dd'] };
    case 'column':
      return { kind: 'column', column: feature.column, values: ['a', 'b'] };
    case 'letters':
      return { kind: 'letters', maxLetters: feature.maxLetters, values: Array.from('etaoinr') };
    default:
      return { kind: feature.kind, length: feature.length, values: ['he', 'er', 'an', 'ge'] };
  }
}

/** Sentences of all lengths, up to twice what a row may have, each with a column beside. */
export const sentences = Array.from({ length: 27 }, (_, length) => ({
  tokens: Array.from({ length }, (_, i) => words[(length * 5 + i * i) % words.length]!),
  columns: [Array.from({ length }, (_, i) => ['a', 'b', 'c'][(i + length) % 3]!)],
}));
