import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { formatConfig, loadConfig, parseConfig } from '../../src/config/load.js';
import { UserError } from '../../src/errors.js';

const minimal = 'task: classify\ndata:\n  train: a.csv\n';

function refusalOf(text: string, overrides: string[] = []): string {
  try {
    parseConfig(text, 'configs/x.yaml', overrides);
  } catch (error) {
    expect(error).toBeInstanceOf(UserError);
    return (error as UserError).message;
  }
  throw new Error('the config was accepted');
}

describe('a config that cannot be right is refused with file, line, column, key and expectation', () => {
  test.each([
    [
      'nothing',
      '# empty\n',
      'configs/x.yaml: expected a config with at least the keys task and data, but',
    ],
    ['no task', 'data: { train: a }', 'configs/x.yaml:1:1: task: missing; expected "classify"'],
    [
      'a list',
      '- a\n',
      'configs/x.yaml:1:1: expected a config, that is a group of keys such as task, data and train, got a list',
    ],
    ['broken YAML', `${minimal}model: {\n`, 'configs/x.yaml:5:1: '],
    ['a tab', 'task: classify\ndata:\n\ttrain: a\n', 'configs/x.yaml:3:1: Tabs are not allowed'],
    [
      'a key twice',
      `${minimal}task: classify\n`,
      'configs/x.yaml:4:1: Map keys must be unique: task',
    ],
    [
      'an alias without anchor',
      `${minimal}train: *nowhere\n`,
      'configs/x.yaml:4:8: *nowhere: expected an anchor &nowhere before it; a text that begins with * needs quotation marks',
    ],
    [
      'a missing key in a group',
      'task: classify\ndata:\n  text: body\n',
      'configs/x.yaml:2:1: data.train: missing; expected non-empty text or a list of one or more texts',
    ],
    [
      'a merge of one direction',
      `${minimal}model: { layers: [{ hiddenSize: 4, direction: backwards, merge: sum }] }\n`,
      'configs/x.yaml:4:58: model.layers.0.merge: expected beside direction: both alone, where there are two directions to put together, got "sum"',
    ],
    [
      'text for a number',
      `${minimal}train:\n  batchSize: many\n`,
      'configs/x.yaml:5:3: train.batchSize: expected a whole number above 0, got "many"',
    ],
    [
      'class weights that are none',
      `${minimal}train: { loss: { classWeights: even } }\n`,
      'configs/x.yaml:4:18: train.loss.classWeights: expected "balanced", names with a number above 0 each or null, got "even"',
    ],
    [
      'a class that weighs nothing',
      `${minimal}train: { loss: { classWeights: { spam: 0 } } }\n`,
      'configs/x.yaml:4:34: train.loss.classWeights.spam: expected a number above 0, got 0',
    ],
    [
      'class weights of a language model',
      'task: language-model\ndata: { train: a.txt }\ntrain: { loss: { classWeights: balanced } }\n',
      'configs/x.yaml:3:18: train.loss.classWeights: expected null for a language model',
    ],
    [
      'class weights of numbers',
      'task: regress\ndata: { train: a.csv }\ntrain: { loss: { classWeights: balanced } }\n',
      'configs/x.yaml:3:18: train.loss.classWeights: expected null beside kind: squared, whose targets are numbers',
    ],
    [
      'a key of another corner, in a layer that has none of the name',
      `${minimal}model: { layers: [{ kind: convolution, width: 3, channels: 8, filters: 8 }] }\n`,
      'configs/x.yaml:4:63: model.layers.0.filters: unknown key; expected one of kind, width, channels, padding, activation',
    ],
    [
      'a key that a cell has not, by the word cell',
      `${minimal}model: { layers: [{ cell: gru, hiddenSize: 3, peepholes: true }] }\n`,
      'configs/x.yaml:4:47: model.layers.0.peepholes: unknown key; expected one of cell, hiddenSize, direction, merge, ',
    ],
    [
      'a loss that there is not, of those that the task takes',
      'task: regress\ndata: { train: a.csv }\ntrain: { loss: { kind: hinge } }\n',
      'configs/x.yaml:3:18: train.loss.kind: expected "squared" or "absolute", got "hinge"',
    ],
    [
      'a format that there is not, of those that the task takes',
      'task: tag\ndata: { train: a.x, format: xml }\n',
      'configs/x.yaml:2:21: data.format: expected "conll" or "jsonl", got "xml"',
    ],
    [
      'a rate that falls upwards',
      `${minimal}train: { optimizer: { learningRate: 0.01, schedule: { kind: plateau, minimum: 0.02 } } }\n`,
      'configs/x.yaml:4:70: train.optimizer.schedule.minimum: expected at most train.optimizer.learningRate, 0.01, from which the rate falls, got 0.02',
    ],
    [
      'the best by what a task does not measure',
      `${minimal}train: { bestBy: f1 }\n`,
      'configs/x.yaml:4:10: train.bestBy: expected "loss" or "accuracy" for a classifier, got "f1"',
    ],
    [
      'a loss of numbers for classes',
      `${minimal}train: { loss: { kind: squared } }\n`,
      'configs/x.yaml:4:18: train.loss.kind: expected "softmax" for a classifier, got "squared", a loss of the task regress',
    ],
    [
      'a loss of classes for numbers',
      'task: regress\ndata: { train: a.csv }\ntrain: { loss: { kind: crf } }\n',
      'configs/x.yaml:3:18: train.loss.kind: expected "squared" or "absolute" for a model of numbers, got "crf", a loss of the task tag',
    ],
    [
      'several labels a row for a class',
      'task: classify\ndata: { train: a.csv, labelSeparator: ";" }\n',
      'configs/x.yaml:2:23: data.labelSeparator: expected nothing for a classifier, whose rows have no lists of labels, got ";"; the task of such rows is multi-label',
    ],
    [
      'nothing between labels',
      'task: multi-label\ndata: { train: a.csv, labelSeparator: "" }\n',
      'configs/x.yaml:2:23: data.labelSeparator: expected non-empty text, got ""',
    ],
    [
      'a loss of labels for classes',
      `${minimal}train: { loss: { kind: binary } }\n`,
      'configs/x.yaml:4:18: train.loss.kind: expected "softmax" for a classifier, got "binary", a loss of the task multi-label',
    ],
    [
      'smoothing of labels',
      'task: multi-label\ndata: { train: a.csv }\ntrain: { loss: { labelSmoothing: 0.1 } }\n',
      'configs/x.yaml:3:18: train.loss.labelSmoothing: expected 0 beside kind: binary, whose targets are lists of labels, got 0.1',
    ],
    [
      'class weights of labels',
      'task: multi-label\ndata: { train: a.csv }\ntrain: { loss: { classWeights: balanced } }\n',
      'configs/x.yaml:3:18: train.loss.classWeights: expected null beside kind: binary, whose targets are lists of labels; positiveWeights weigh these',
    ],
    [
      'weights of labels for classes',
      `${minimal}train: { loss: { positiveWeights: { spam: 2 } } }\n`,
      'configs/x.yaml:4:18: train.loss.positiveWeights: expected null for a classifier, whose rows have no lists of labels',
    ],
    [
      'a fraction for a count',
      `${minimal}train: { epochs: 1.5 }\n`,
      'configs/x.yaml:4:10: train.epochs: expected a whole number above 0, got 1.5',
    ],
    [
      'a number out of range',
      `${minimal}train: { seed: -1 }\n`,
      'configs/x.yaml:4:10: train.seed: expected a whole number from 0 to 4294967295, got -1',
    ],
    [
      'a half-open range',
      `${minimal}model: { dropout: 1 }\n`,
      'configs/x.yaml:4:10: model.dropout: expected a number of at least 0 and below 1, got 1',
    ],
    [
      'features that are none',
      'task: tag\ndata: { train: a.conll }\nmodel:\n  features:\n',
      'configs/x.yaml:4:3: model.features: expected a list of groups of keys, got null',
    ],
    [
      'a column that is the token itself',
      'task: tag\ndata: { train: a.conll }\nmodel: { features: [{ kind: column, column: 1 }] }\n',
      'configs/x.yaml:3:37: model.features.0.column: expected another column than that of the token, the first where data.text names none, got 1',
    ],
    [
      'features of tokens that are no words',
      `${minimal}  tokenizer: { kind: char }\nmodel: { features: [{ kind: prefix }] }\n`,
      'configs/x.yaml:5:10: model.features: expected none beside data.tokenizer.kind: char, whose tokens are no words',
    ],
    [
      'columns of a classifier',
      `${minimal}  tokenizer: { kind: word }\nmodel: { features: [{ kind: shape }, { kind: column, column: 2 }] }\n`,
      'configs/x.yaml:5:40: model.features.1.kind: expected "shape", "prefix", "suffix" or "letters" for a classifier, whose words have no columns beside them, got "column"',
    ],
    [
      'capitals that a language model cannot generate',
      'task: language-model\ndata: { train: a.txt, tokenizer: { kind: word } }\nmodel: { features: [{ kind: prefix }, { kind: letters }] }\n',
      'configs/x.yaml:3:41: model.features.1.kind: expected data.tokenizer.lowerCase: false beside "letters" for a language model: the words that it generates have no capitals otherwise',
    ],
    [
      'digits that a language model cannot generate',
      'task: language-model\ndata: { train: a.txt, tokenizer: { kind: word, lowerCase: false, zeroDigits: true } }\nmodel: { features: [{ kind: shape }, { kind: letters }] }\n',
      'configs/x.yaml:3:40: model.features.1.kind: expected data.tokenizer.zeroDigits: false beside "letters" for a language model: the words that it generates have no digits otherwise',
    ],
    [
      'separators that are digits, where these count',
      `${minimal}  tokenizer: { kind: word, split: "1", zeroDigits: true }\nmodel: { features: [{ kind: letters }] }\n`,
      'configs/x.yaml:4:28: data.tokenizer.split: expected characters without digits beside "letters", which is taken before words lose their digits, got "1"',
    ],
    [
      'an unknown token that some word of a text may be for its features alone',
      `${minimal}  tokenizer: { kind: word, outOfVocabulary: OOV }\nmodel: { features: [{ kind: shape }] }\n`,
      'configs/x.yaml:4:28: data.tokenizer.outOfVocabulary: expected a token without capitals beside "shape", which is taken before words are lower-cased, got "OOV"',
    ],
    [
      'separators that have capitals, where these count',
      `${minimal}  tokenizer: { kind: word, filters: ".x" }\nmodel: { features: [{ kind: shape }] }\n`,
      'configs/x.yaml:4:28: data.tokenizer.filters: expected characters without capitals beside "shape", which is taken before words are lower-cased, got "x"',
    ],
    [
      'a window of letters that nothing sees',
      'task: tag\ndata: { train: a.jsonl }\nmodel: { features: [{ kind: letters, read: lstm, window: 3 }] }\n',
      'configs/x.yaml:3:50: model.features.0.window: expected beside read: convolution alone, which sees some letters at a time, got 3',
    ],
    [
      'two directions of which each would have half a unit',
      'task: tag\ndata: { train: a.jsonl }\nmodel: { features: [{ kind: letters, read: lstm, width: 25 }] }\n',
      'configs/x.yaml:3:50: model.features.0.width: expected an even number beside read: lstm, half of it for each direction, got 25',
    ],
    [
      'a feature that tells the tag',
      'task: tag\ndata: { train: a.jsonl }\nmodel: { features: [{ kind: column, column: tags }] }\n',
      'configs/x.yaml:3:37: model.features.0.column: expected another column than that of data.label, got "tags"',
    ],
    [
      'infinity',
      `${minimal}train: { clipNorm: .inf }\n`,
      'configs/x.yaml:4:10: train.clipNorm: expected a number above 0 or null, got Infinity',
    ],
    [
      'no power of two',
      `${minimal}train: { shards: 12 }\n`,
      'configs/x.yaml:4:10: train.shards: expected a power of two from 1 to 1024, got 12',
    ],
    [
      'an unknown word',
      'task: clasify\ndata: { train: a }\n',
      'configs/x.yaml:1:1: task: expected "classify", "multi-label", "language-model", "tag" or "regress", got "clasify"',
    ],
    [
      'text for a switch',
      `${minimal}  tokenizer: { kind: word, lowerCase: yes }\n`,
      'configs/x.yaml:4:28: data.tokenizer.lowerCase: expected true or false, got "yes"',
    ],
    [
      'a wrong list entry',
      `${minimal}model:\n  layers:\n    - hiddenSize: 0\n`,
      'configs/x.yaml:6:7: model.layers.0.hiddenSize: expected a whole number above 0, got 0',
    ],
    [
      'none of the alternatives',
      `${minimal}  validation: 2\n`,
      'configs/x.yaml:4:3: data.validation: expected a number from 0 to 0.9, non-empty text or a list of one or more texts, got 2',
    ],
    [
      'a key of a list entry that may be text or a group',
      'task: classify\ndata:\n  train: [a.csv, { path: b.csv, weigth: 2 }]\n',
      'configs/x.yaml:3:33: data.train.1.weigth: unknown key; did you mean data.train.1.weight?',
    ],
    [
      'a list entry that is neither text nor a group',
      'task: classify\ndata:\n  train: [a.csv, 3]\n',
      'configs/x.yaml:3:18: data.train.1: expected non-empty text or a group of keys (path, weight), got 3',
    ],
    [
      'an unknown tokenizer',
      `${minimal}  tokenizer: { kind: wrd }\n`,
      'configs/x.yaml:4:16: data.tokenizer.kind: expected "word", "char", "byte" or "bpe", got "wrd"',
    ],
    [
      "another tokenizer's key",
      `${minimal}  tokenizer: { kind: byte, minCount: 3 }\n`,
      'configs/x.yaml:4:28: data.tokenizer.minCount: unknown key; expected one of kind',
    ],
    [
      'an empty group',
      `${minimal}model:\n`,
      'configs/x.yaml:4:1: model: expected a group of keys (embedding, features, layers, pooling, dropout), got null',
    ],
    [
      'a name that leads out of the runs folder',
      `${minimal}name: ../x\n`,
      'configs/x.yaml:4:1: name: expected a letter, digit or underscore, then letters, digits, dots, dashes and underscores, got "../x"',
    ],
    [
      'a misspelt key',
      `${minimal}trian: {}\n`,
      'configs/x.yaml:4:1: trian: unknown key; did you mean train?',
    ],
    [
      'a misspelt key of one of several kinds, or none',
      `${minimal}train: { averaging: { kind: ema, decya: 0.9 } }\n`,
      'configs/x.yaml:4:34: train.averaging.decya: unknown key; did you mean train.averaging.decay?',
    ],
    [
      'a misspelt kind of several, or none',
      `${minimal}train: { averaging: { kind: swa } }\n`,
      'configs/x.yaml:4:23: train.averaging.kind: expected "ema" or "nt-asgd", got "swa"; did you mean "ema"?',
    ],
    [
      'a key in another style',
      `${minimal}train: { batch_size: 3 }\n`,
      'configs/x.yaml:4:10: train.batch_size: unknown key; did you mean train.batchSize?',
    ],
    [
      'a key in the wrong group',
      `${minimal}train: { learningRate: 0.1 }\n`,
      'configs/x.yaml:4:10: train.learningRate: unknown key; did you mean train.optimizer.learningRate?',
    ],
    [
      'a key like nothing known',
      `${minimal}quux: 1\n`,
      'configs/x.yaml:4:1: quux: unknown key; expected one of name, task, data, model, train, workers, teams, backend, metrics',
    ],
    [
      "a key that every object inherits, which is not among the schema's",
      `${minimal}constructor: 1\n`,
      'configs/x.yaml:4:1: constructor: unknown key; expected one of name,',
    ],
    [
      'plain text for a classifier',
      `${minimal}  format: text\n`,
      'configs/x.yaml:4:3: data.format: expected "csv", "tsv", "jsonl" or "parquet" for the task classify, whose rows need labels, got "text"',
    ],
    [
      'classes from the column of the texts',
      `${minimal}  text: body\n  label: body\n`,
      'configs/x.yaml:5:3: data.label: expected another column than that of data.text, got "body"',
    ],
    [
      'splits that leave nothing to train on',
      `${minimal}  validation: 0.5\n  test: 0.5\n`,
      'configs/x.yaml:5:3: data.test: expected data.validation and data.test to leave at least a tenth of the rows to train on, got 0.5 and 0.5',
    ],
    [
      'an unknown token that the filters cut',
      `${minimal}  tokenizer: { kind: word, unknownToken: <unk> }\n`,
      'data.tokenizer.unknownToken: expected a word as the tokenizer leaves it, but it makes ["unk"] of "<unk>": change data.tokenizer.filters',
    ],
    [
      'a line end that is the unknown token',
      `${minimal}  tokenizer: { kind: word, lineEnd: <unk> }\n`,
      'data.tokenizer.lineEnd: expected another token than the unknown one, got "<unk>"',
    ],
  ])('%s', (_, text, sentence) => {
    expect(refusalOf(text).split('\n')[0]).toContain(sentence);
  });

  test('several problems are listed one a line, in the order of the file', () => {
    const text = `${minimal}train:\n  batchSize: 0\n  epocs: 3\nmodel: { dropout: 2 }\n`;
    expect(refusalOf(text, ['train.seed=x']).split('\n')).toEqual([
      'configs/x.yaml:5:3: train.batchSize: expected a whole number above 0, got 0',
      'configs/x.yaml:6:3: train.epocs: unknown key; did you mean train.epochs?',
      'configs/x.yaml:7:10: model.dropout: expected a number of at least 0 and below 1, got 2',
      '--set train.seed=x: train.seed: expected a whole number from 0 to 4294967295, got "x"',
    ]);
  });

  test('a missing file', async () => {
    await expect(loadConfig('no/such.yaml', [])).rejects.toThrow(
      'no/such.yaml: expected a config file, but there is no such file',
    );
  });

  test('a folder', async () => {
    await expect(loadConfig(tmpdir(), [])).rejects.toThrow(UserError);
  });
});

describe('--set', () => {
  test('goes before the file, which goes before the defaults', () => {
    const config = parseConfig(`${minimal}train: { batchSize: 8, epochs: 2 }\n`, 'x.yaml', [
      'train.batchSize=64',
    ]);
    expect(config.train).toMatchObject({ batchSize: 64, epochs: 2, shards: 16 });
  });

  test('values are YAML, paths reach into lists, later ones win', () => {
    const config = parseConfig(minimal, 'x.yaml', [
      'train.clipNorm=null',
      'data.train=[a.csv, b.csv]',
      'data.tokenizer={kind: char}',
      'model.layers.0.hiddenSize=3',
      'model.layers.1.hiddenSize=4',
      'model.layers.1.hiddenSize=5',
    ]);
    expect(config.train.clipNorm).toBeNull();
    expect(config.data.train).toEqual(['a.csv', 'b.csv']);
    expect(config.data.tokenizer.kind).toBe('char');
    expect(config.model.layers.map((layer) => layer['hiddenSize'])).toEqual([3, 5]);
  });

  test('takes a glob that begins with an asterisk as it is', () => {
    expect(parseConfig(minimal, 'x.yaml', ['data.train=*.csv']).data.train).toEqual(['*.csv']);
  });

  test.each(['data.train.0=b.csv', 'data.train=[b.csv]'])(
    'changes one place only where the file shares a value by an anchor: %s',
    (override) => {
      const text = 'task: classify\ndata: { train: &files [a.csv], test: *files }\n';
      const { data } = parseConfig(text, 'x.yaml', [override]);
      expect([data.train, data.test]).toEqual([['b.csv'], ['a.csv']]);
    },
  );

  test.each([
    ['x', '--set x: expected key=value, for example train.batchSize=64'],
    ['=3', '--set =3: expected key=value, for example train.batchSize=64'],
    ['train.seed=[', '--set train.seed=[: the value is not valid YAML: '],
    ['data.train=[*.csv]', '--set data.train=[*.csv]: Unresolved alias'],
    [
      'train.batchsize=64',
      '--set train.batchsize=64: train.batchsize: unknown key; did you mean train.batchSize?',
    ],
    ['trian.seed=1', '--set trian.seed=1: trian: unknown key; did you mean train?'],
    [
      'workers=0',
      '--set workers=0: workers: expected a whole number from 1 to 1024 or null, got 0',
    ],
    ['__proto__.seed=1', '--set __proto__.seed=1: __proto__: unknown key'],
    ['data.train.a=1', 'expected data.train to be a group of keys, got "a.csv"'],
    ['model.layers.4000000000.hiddenSize=1', 'expected an index up to 1 in model.layers, got 40'],
    ['model.layers.7.hiddenSize=1', 'expected an index up to 1 in model.layers, got 7'],
  ])('%s is refused', (override, sentence) => {
    const text = `${minimal}model: { layers: [{ hiddenSize: 4 }] }\n`;
    expect(refusalOf(text, [override])).toContain(sentence);
  });
});

test('--set of a key below a value that stands for a group is refused with the whole group', () => {
  const text = `${minimal}model: { embedding: 8 }\n`;
  expect(refusalOf(text, ['model.embedding.tied=true'])).toBe(
    '--set model.embedding.tied=true: expected model.embedding to be a group of keys, got 8: give the whole group, as model.embedding={…, tied: true}',
  );
});

describe('the resolved config', () => {
  test('is frozen to the bottom', () => {
    const config = parseConfig(minimal, 'x.yaml');
    expect(() => {
      (config.train.optimizer as { learningRate: number }).learningRate = 1;
    }).toThrow(TypeError);
    expect(() => {
      config.data.train.push('b.csv');
    }).toThrow(TypeError);
  });

  test.each([
    ['configs/spam.yaml', 'spam'],
    ['my config!.yaml', 'my-config-'],
    ['.hidden.yaml', 'hidden'],
    ['...', 'run'],
  ])('without a name is named after its file: %s', (file, name) => {
    expect(parseConfig(minimal, file).name).toBe(name);
  });

  test('keeps a name given', () => {
    expect(parseConfig(`${minimal}name: mine\n`, 'x.yaml').name).toBe('mine');
  });

  test('takes anchors and merged groups', () => {
    const text = `task: classify\ndata: { train: &files [a.csv], test: *files }\nmodel:\n  layers:\n    - &layer { hiddenSize: 4, cell: lstm }\n    - { <<: *layer, hiddenSize: 8 }\n`;
    const config = parseConfig(text, 'x.yaml');
    expect(config.data.test).toEqual(['a.csv']);
    expect(config.model.layers.map((layer) => layer['hiddenSize'])).toEqual([4, 8]);
  });

  test('is written as YAML that reads back to the same', () => {
    const config = parseConfig(`${minimal}train: { clipNorm: null }\n`, 'x.yaml', [
      'data.tokenizer={kind: word, filters: "\\t\\n#"}',
    ]);
    expect(parseConfig(formatConfig(config), 'runs/other/config.yaml')).toEqual(config);
  });

  test('says how directions are put together where there are two, and nowhere else', () => {
    const layers = (text: string) =>
      parseConfig(`${minimal}model: { layers: [${text}] }\n`, 'x.yaml').model.layers;
    const both = '{ hiddenSize: 4, direction: both }';
    const usual = {
      ...{ kind: 'lstm', hiddenSize: 4, weightDropout: 0 },
      ...{ layerNorm: false, initialState: 'zeros' },
    };
    expect(layers(`{ hiddenSize: 4 }, ${both}`)).toEqual([
      { ...usual, direction: 'forwards', forgetBias: 1 },
      { ...usual, direction: 'both', merge: 'concatenate', forgetBias: 1 },
    ]);
    expect(layers(both)).toEqual(layers(both.replace('}', ', merge: concatenate }')));
  });

  test('is read from a file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'lockstep-config-'));
    try {
      await writeFile(join(folder, 'tiny.yaml'), minimal);
      const config = await loadConfig(join(folder, 'tiny.yaml'), ['workers=2']);
      expect(config).toMatchObject({ name: 'tiny', workers: 2, data: { train: ['a.csv'] } });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
