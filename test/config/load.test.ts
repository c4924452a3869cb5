import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { formatConfig, loadConfig, parseConfig, resolveConfig } from '../../src/config/load.js';
import type { ConfigInput } from '../../src/config/schema.js';
import { minimal, refusalOf } from './refusal.js';

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

describe('names of classes are what is written', () => {
  const classes = {
    '0': 5,
    '01': 2,
    '1': 3,
    True: 6,
    true: 7,
    '1.0': 4,
    '0x1': 8,
    null: 9,
    '': 10,
    '<<': 11,
    constructor: 12,
    yes: 13,
  };
  const written =
    '{0: 5, 01: 2, 1: 3, True: 6, true: 7, 1.0: 4, 0x1: 8, null: 9, "": 10, "<<": 11, constructor: 12, yes: 13}';

  test.each(['classWeights', 'positiveWeights'] as const)('as keys of %s', (key) => {
    const task = key === 'classWeights' ? 'classify' : 'multi-label';
    const start = minimal.replace('classify', task);
    const inFile = parseConfig(`${start}train: { loss: { ${key}: ${written} } }\n`, 'x.yaml');
    expect(inFile.train.loss[key]).toEqual(classes);
    // As the run's own config has them.
    expect(parseConfig(formatConfig(inFile), 'x.yaml').train.loss[key]).toEqual(classes);
    const given = parseConfig(start, 'x.yaml', [`train.loss.${key}=${written}`]);
    expect(given.train.loss[key]).toEqual(classes);
    const one = ['1', '01', '0', 'True', 'true'].map((name) => `train.loss.${key}.${name}=3`);
    expect(parseConfig(start, 'x.yaml', one).train.loss[key]).toEqual({
      ...{ '1': 3, '01': 3, '0': 3, True: 3, true: 3 },
    });
  });

  test('which may be those of keys that name columns', () => {
    const names = ['text', 'label', 'source', 'target', 'column', 'data.text'];
    const weights = `{ ${names.map((name) => `${name}: 2.50`).join(', ')} }`;
    const expected = Object.fromEntries(names.map((name) => [name, 2.5]));
    const inFile = `${minimal}train: { loss: { classWeights: ${weights} } }\n`;
    expect(parseConfig(inFile, 'x.yaml').train.loss.classWeights).toEqual(expected);
    for (const override of [
      `train.loss.classWeights=${weights}`,
      `train.loss={ classWeights: ${weights} }`,
    ]) {
      expect(parseConfig(minimal, 'x.yaml', [override]).train.loss.classWeights).toEqual(expected);
    }
    const one = parseConfig(minimal, 'x.yaml', ['train.loss.classWeights.text=2.0']);
    expect(one.train.loss.classWeights).toEqual({ text: 2 });
  });

  test.each(['classWeights', 'positiveWeights'])(
    'and the one of %s that no object can have is refused',
    (key) => {
      const start = minimal.replace(
        'classify',
        key === 'classWeights' ? 'classify' : 'multi-label',
      );
      const sentence = `train.loss.${key}.__proto__: expected a name of another kind: this one has no weight`;
      for (const name of ['__proto__', '"__proto__"']) {
        expect(refusalOf(`${start}train: { loss: { ${key}: { a: 1, ${name}: 9 } } }\n`)).toBe(
          `configs/x.yaml:4:${key === 'classWeights' ? 40 : 43}: ${sentence}`,
        );
      }
      const text = `train.loss.${key}.__proto__=9`;
      expect(refusalOf(start, [text])).toBe(`--set ${text}: ${sentence}`);
      const config = JSON.parse(
        `{"task":"${start.slice(6, start.indexOf('\n'))}","data":{"train":["a.csv"]},"train":{"loss":{"${key}":{"__proto__":9}}}}`,
      ) as ConfigInput;
      expect(() => resolveConfig(config)).toThrow(`config: ${sentence}`);
    },
  );

  test('and "<<" without quotation marks takes over groups of keys, or is refused with its place', () => {
    const weights = (inner: string) => `${minimal}train: { loss: { classWeights: ${inner} } }\n`;
    for (const inner of ['{ <<: 2 }', '{ <<: [2] }']) {
      expect(refusalOf(weights(inner))).toBe(
        'configs/x.yaml:4:34: <<: expected a group of keys to take over, or *names of such; what is called "<<" needs quotation marks',
      );
    }
    const merged = parseConfig(weights('{ <<: [{ a: 1 }, { b: 2 }], c: 3 }'), 'x.yaml');
    expect(merged.train.loss.classWeights).toEqual({ a: 1, b: 2, c: 3 });
  });

  test('and one that is written twice is told', () => {
    const twice = (weights: string) =>
      refusalOf(`${minimal}train: { loss: { classWeights: ${weights} } }\n`);
    for (const weights of ['{1: 2, 1: 3}', '{01: 2, "01": 3}', '{True: 1, "True": 2}']) {
      expect(twice(weights)).toContain('Map keys must be unique');
    }
  });

  test('beside a value that stands for all of them they are given together', () => {
    const text = `${minimal}train: { loss: { classWeights: balanced } }\n`;
    expect(refusalOf(text, ['train.loss.classWeights.1=3'])).toBe(
      '--set train.loss.classWeights.1=3: expected train.loss.classWeights to be a group of keys, got "balanced": give the whole group, as train.loss.classWeights={…, 1: 3}',
    );
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

describe('names of columns are what is written', () => {
  test.each(['01', '1.0', '0x1', '1e0', '+1'])('%s, in a file and by --set', (name) => {
    const inFile = parseConfig(
      `task: tag\ndata: { train: a.jsonl, text: 007, label: ${name} }\nmodel: { features: [{ kind: column, column: 0x10 }] }\n`,
      'x.yaml',
    );
    const given = parseConfig('task: tag\ndata: { train: a.jsonl }', 'x.yaml', [
      ...[`data.text=007`, `data={train: a.jsonl, text: 007, label: ${name}}`],
      `model.features=[{kind: column, column: 0x10}]`,
    ]);
    const again = parseConfig(formatConfig(inFile), 'x.yaml');
    for (const { data, model } of [inFile, given, again]) {
      expect([data.text, data.label]).toEqual(['007', name]);
      expect(model.features).toMatchObject([{ column: '0x10' }]);
    }
    const pairs = parseConfig('task: translate\ndata: { train: a.csv }', 'x.yaml', [
      ...[`data.source=007`, `data.target=${name}`],
    ]);
    expect([pairs.data.source, pairs.data.target]).toEqual(['007', name]);
  });

  test('and numbers of columns stay numbers', () => {
    const { data } = parseConfig(`${minimal}  text: 2\n`, 'x.yaml', ['data.label=13']);
    expect([data.text, data.label]).toEqual([2, 13]);
  });
});

test('--set takes a blank for a delimiter', () => {
  expect(parseConfig(minimal, 'x.yaml', ['data.delimiter= ']).data.delimiter).toBe(' ');
});
