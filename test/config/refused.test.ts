import { tmpdir } from 'node:os';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.js';
import { UserError } from '../../src/errors.js';
import { minimal, refusalOf, testRefusals } from './refusal.js';

describe('a config that cannot be right is refused with file, line, column, key and expectation', () => {
  testRefusals([
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
      'configs/x.yaml:2:1: data.train: missing; expected non-empty text, a group of keys (source, target, weight) or a list of one or more texts',
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
      'a tokenizer of a file that is to be another',
      `${minimal}  tokenizer: { kind: bpe, file: tok.json, lowerCase: true }\n`,
      'configs/x.yaml:4:43: data.tokenizer.lowerCase: expected nothing beside file, a tokenizer that is taken as it is, got true',
    ],
    [
      'a tokenizer of a file that is to be of another size',
      `${minimal}  tokenizer: { kind: bpe, file: tok.json, vocabularySize: 500 }\n`,
      'data.tokenizer.vocabularySize: expected nothing beside file, a tokenizer that is taken as it is, got 500',
    ],
    [
      'a rate that falls upwards',
      `${minimal}train: { optimizer: { learningRate: 0.01, schedule: { kind: plateau, minimum: 0.02 } } }\n`,
      'configs/x.yaml:4:70: train.optimizer.schedule.minimum: expected at most train.optimizer.learningRate, 0.01, from which the rate falls, got 0.02',
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
      'configs/x.yaml:1:1: task: expected "classify", "multi-label", "language-model", "tag", "regress" or "translate", got "clasify"',
    ],
    [
      'a wrong list entry',
      `${minimal}model:\n  layers:\n    - hiddenSize: 0\n`,
      'configs/x.yaml:6:7: model.layers.0.hiddenSize: expected a whole number above 0, got 0',
    ],
    [
      'none of the alternatives',
      `${minimal}  validation: 2\n`,
      'configs/x.yaml:4:3: data.validation: expected a number from 0 to 0.9, non-empty text, a group of keys (source, target) or a list of one or more texts or groups of keys, got 2',
    ],
    [
      'a key of a list entry that may be text or a group',
      'task: classify\ndata:\n  train: [a.csv, { path: b.csv, weigth: 2 }]\n',
      'configs/x.yaml:3:33: data.train.1.weigth: unknown key; did you mean data.train.1.weight?',
    ],
    [
      'a list entry that is neither text nor a group',
      'task: classify\ndata:\n  train: [a.csv, true]\n',
      'configs/x.yaml:3:18: data.train.1: expected non-empty text, a group of keys (path, weight) or a group of keys (source, target, weight), got true',
    ],
    [
      'an empty group',
      `${minimal}model:\n`,
      'configs/x.yaml:4:1: model: expected a group of keys (embedding, features, layers, pooling, dropout, encoder, attention, bridge), got null',
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
      'classes from the column of the texts',
      `${minimal}  text: body\n  label: body\n`,
      'configs/x.yaml:5:3: data.label: expected another column than that of data.text, got "body"',
    ],
    [
      'splits that leave nothing to train on',
      `${minimal}  validation: 0.5\n  test: 0.5\n`,
      'configs/x.yaml:5:3: data.test: expected data.validation and data.test to leave at least a tenth of the rows to train on, got 0.5 and 0.5',
    ],
  ]);

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

test('a number with more digits than a number keeps is not called another one, and is told once', () => {
  expect(refusalOf(`${minimal}train: { seed: 9007199254740993 }\n`)).toBe(
    'configs/x.yaml:4:10: train.seed: expected a whole number from 0 to 4294967295, got about 9.01e+15',
  );
});

test('quotation marks are named where there are some, or would be', () => {
  const said = 'train.epochs: expected a whole number above 0, got';
  expect(refusalOf(minimal, ['train.epochs=1e3.5'])).toBe(
    `--set train.epochs=1e3.5: ${said} "1e3.5"`,
  );
  expect(refusalOf(minimal, ['train.epochs="1e3"'])).toBe(
    `--set train.epochs="1e3": ${said} "1e3", which quotation marks make text`,
  );
});
