import { expect, test } from 'vitest';
import { resolveConfig } from '../../../src/config/load.js';
import type { ConfigInput } from '../../../src/config/schema.js';
import { compareWithDefaults } from '../../../src/observe/board/config-view.js';

const differing = (config: ConfigInput) =>
  Object.fromEntries(
    compareWithDefaults(resolveConfig(config))
      .filter(({ differs }) => differs)
      .map(({ key, value, default: usual }) => [key, usual === undefined ? value : [usual, value]]),
  );

test('a config that says what it has to differs in that alone', () => {
  expect(differing({ task: 'classify', data: { train: ['a.csv'] } })).toEqual({
    ...{ task: 'classify', 'data.train': ['a.csv'] },
  });
});

test('keys that say what they would say anyway do not differ, whatever the way to write them', () => {
  const config: ConfigInput = {
    ...{ task: 'classify', data: { train: ['a.csv'], maxLength: 256 } },
    model: { embedding: 64, layers: [{ hiddenSize: 128 }, { kind: 'gru', hiddenSize: 7 }] },
    train: { optimizer: { kind: 'sgd', momentum: 0.5 }, epochs: 3, clipNorm: null },
  };
  expect(differing(config)).toEqual({
    ...{ task: 'classify', 'data.train': ['a.csv'] },
    ...{ 'model.layers.1.kind': expect.anything() as unknown, 'model.layers.1.hiddenSize': 7 },
    ...{
      'train.optimizer.kind': expect.anything() as unknown,
      'train.optimizer.momentum': expect.anything() as unknown,
    },
    ...{ 'train.epochs': [10, 3], 'train.clipNorm': [5, null] },
  });
});
