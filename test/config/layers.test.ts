import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { formatConfig, parseConfig, type NamedConfig } from '../../src/config/load.js';
import { networkShape } from '../../src/compute/sizes.js';
import { countParameters } from '../../src/model/graph/describe.js';
import { summarizeNetwork } from '../../src/model/graph/summary.js';
import { restoreConfig, signConfig } from '../../src/run/signed-config.js';

const parse = (model: string, task = 'classify'): NamedConfig =>
  parseConfig(
    `task: ${task}\ndata: { train: [a.csv], text: text, label: label }\nmodel: ${model}\n`,
    'x.yaml',
  );
/** Layers by name with what they stand on, where that is not the one before. */
const graphOf = (config: NamedConfig): string[] =>
  summarizeNetwork(networkShape(config, 9, ['a', 'b']), 5).map(({ name, inputs }) =>
    inputs ? `${name} on ${inputs.join(' and ')}` : name,
  );

describe('an embedding whose weight the head shares', () => {
  const tied = 'embedding: { width: 6, tied: true }';
  it('is counted once', () => {
    const config = parse(`{ ${tied}, layers: [{ hiddenSize: 6 }] }`, 'language-model');
    const layers = summarizeNetwork(networkShape(config, 9, []), 5);
    expect(layers.map(({ name, parameters }) => [name, parameters])).toEqual([
      ...[
        ['embedding 0', 9 * 6],
        ['lstm 0', 4 * 6 * (6 + 6 + 2)],
        ['head', 9],
      ],
    ]);
    expect(countParameters(networkShape(config, 9, []))).toBe(9 * 6 + 4 * 6 * 14 + 9);
  });

  it.each([
    [
      'language-model',
      `{ ${tied}, layers: [{ hiddenSize: 8 }] }`,
      'expected model.layers to leave as many values of a token as model.embedding has, whose weight the head shares: they leave 8, and it has 6; a dense layer on top can bring them to that',
    ],
    [
      'classify',
      `{ ${tied}, layers: [{ hiddenSize: 6 }] }`,
      'expected false where no words are predicted: no other head could have the weight of an embedding of words',
    ],
    [
      'regress',
      `{ ${tied}, layers: [{ hiddenSize: 6 }] }`,
      'expected false where no words are predicted: no other head could have the weight of an embedding of words',
    ],
  ])('does not fit everywhere: %s, %s', (task, model, message) => {
    expect(() => parse(model, task)).toThrow(`model.embedding.tied: ${message}`);
  });

  it('takes a dense layer that brings the top to its width', () => {
    const layers = '[{ hiddenSize: 8 }, { kind: dense, width: 6 }]';
    const config = parse(`{ ${tied}, layers: ${layers} }`, 'language-model');
    expect(graphOf(config)).toEqual(['embedding 0', 'lstm 0', 'dense 1', 'head']);
  });
});

describe('a stack of layers', () => {
  it('has no layer normalization in a cell that cannot have it', () => {
    const gru = (reset: string): string =>
      `{ layers: [{ kind: gru, hiddenSize: 4, reset: ${reset}, layerNorm: true }] }`;
    expect(graphOf(parse(gru('after')))).toContain('gru 0');
    expect(() => parse(gru('before'))).toThrow(
      'model.layers.0: expected layerNorm: false, since this gru multiplies the recurrent weights with what its gates make of the hidden state',
    );
  });

  it('of a language model has convolutions that see what is before a token alone', () => {
    const model = (padding: string): string =>
      `{ layers: [{ kind: convolution, width: 3, channels: 4, padding: ${padding} }] }`;
    expect(graphOf(parse(model('causal'), 'language-model'))).toContain('convolution 0');
    expect(() => parse(model('same'), 'language-model')).toThrow(
      'convolution with these options sees what comes behind it, too',
    );
  });

  it('may hold any kind that says so, each by its kind and its options', () => {
    const config = parse(
      '{ layers: [{ kind: gru, hiddenSize: 8 }, { kind: layer-norm }, { kind: dense, width: 5 }, { hiddenSize: 3 }] }',
    );
    expect(graphOf(config)).toEqual([
      ...['embedding 0', 'gru 0', 'layer-norm 1', 'dense 2', 'lstm 1', 'last 0', 'head'],
    ]);
  });

  it("makes one row of a row's tokens by each kind that pools, with its options, and puts all side by side", () => {
    const pooled = (pooling: string) =>
      parse(`{ embedding: 6, layers: [{ hiddenSize: 5 }], pooling: ${pooling} }`);
    const all = pooled('[last, first, max, { kind: mean }, { kind: attention, width: 7 }]');
    expect(graphOf(all).slice(2)).toEqual([
      ...['last 0', 'first 0 on lstm 0', 'max 0 on lstm 0', 'mean 0 on lstm 0'],
      'attention 0 on lstm 0',
      ...['pooling 0 on last 0 and first 0 and max 0 and mean 0 and attention 0', 'head'],
    ]);
    const widths = summarizeNetwork(networkShape(all, 9, ['a', 'b']), 5);
    expect(widths.find(({ name }) => name === 'attention 0')?.parameters).toBe(5 * 7 + 7 + 7);
    expect(parseConfig(formatConfig(all), 'x.yaml')).toEqual(all);
    // With its usual options a kind is its name, as configs of before have it.
    expect(pooled('{ kind: attention, width: 128 }')).toEqual(pooled('attention'));
    expect(pooled('attention').model.pooling).toEqual(['attention']);
    expect(pooled('{ kind: attention, score: dot }').model.pooling).toEqual([
      { kind: 'attention', score: 'dot', heads: 1 },
    ]);
  });

  it('adds what goes into a residual block to what comes out, also within another one', () => {
    const inner = '{ kind: residual, layers: [{ hiddenSize: 6 }, { kind: dense, width: 6 }] }';
    const outer = `{ kind: residual, layers: [{ kind: layer-norm }, ${inner}] }`;
    expect(graphOf(parse(`{ layers: [{ hiddenSize: 6 }, ${outer}], dropout: 0.5 }`))).toEqual([
      ...['embedding 0', 'lstm 0', 'dropout 0', 'layer-norm 2', 'lstm 1', 'dense 5'],
      ...['residual 3 on layer-norm 2 and dense 5', 'residual 1 on dropout 0 and residual 3'],
      ...['last 0', 'dropout 6', 'head'],
    ]);
  });

  it('reads what rows end with below dropout on a recurrent layer, and drops of that', () => {
    const both = '{ hiddenSize: 4, direction: both }';
    const dropout = '{ kind: dropout, rate: 0.3 }';
    expect(graphOf(parse(`{ layers: [${both}, ${dropout}] }`))).toEqual([
      ...['embedding 0', 'lstm 0', 'last 0', 'dropout_1_of_rows 1', 'head'],
    ]);
    expect(graphOf(parse(`{ layers: [${both}, ${dropout}], pooling: [max, last] }`))).toEqual([
      ...['embedding 0', 'lstm 0', 'dropout 1', 'max 0', 'last 0 on lstm 0', 'dropout_1_of_rows 1'],
      ...['pooling 0 on max 0 and dropout_1_of_rows 1', 'head'],
    ]);
    // What stands on a token is all that other layers leave of it.
    expect(graphOf(parse(`{ layers: [${both}, { kind: layer-norm }, ${dropout}] }`))).toEqual([
      ...['embedding 0', 'lstm 0', 'layer-norm 1', 'dropout 2', 'last 0', 'head'],
    ]);
  });

  it('has no two parameters of the same name', () => {
    const twice = '{ kind: dense, width: 4 }, { kind: layer-norm }, { hiddenSize: 4 }';
    const config = parse(
      `{ layers: [{ hiddenSize: 4 }, ${twice}, { kind: residual, layers: [${twice}] }, ${twice}] }`,
    );
    const { layers } = networkShape(config, 9, ['a', 'b']);
    const names = layers.map(({ kind, name }) => JSON.stringify([kind, name]));
    expect(new Set(names).size).toBe(names.length);
  });

  it('drops outputs behind every layer and block, but once behind the top of a classifier', () => {
    const layers = '[{ hiddenSize: 4 }, { kind: layer-norm }, { hiddenSize: 5 }]';
    expect(graphOf(parse(`{ layers: ${layers}, dropout: 0.5 }`))).toEqual([
      ...['embedding 0', 'lstm 0', 'dropout 0', 'layer-norm 1', 'lstm 1'],
      ...['last 0', 'dropout 3', 'head'],
    ]);
    expect(graphOf(parse(`{ layers: ${layers}, dropout: 0.5 }`, 'language-model'))).toEqual([
      ...['embedding 0', 'lstm 0', 'dropout 0', 'layer-norm 1', 'lstm 1', 'dropout 2', 'head'],
    ]);
  });
});

describe('what is wrong with a stack is said with its key', () => {
  it.each([
    [
      'layers: [{ kind: lstn, hiddenSize: 3 }]',
      'layers.0.kind: expected .*, got "lstn"; did you mean "lstm"\\?',
    ],
    [
      'layers: [{ cell: gruu, hiddenSize: 3 }]',
      'layers.0.cell: expected "lstm", "gru" or "rnn", got "gruu"; did you mean "gru"\\?',
    ],
    [
      'layers: [{ cell: dense, width: 3 }]',
      'layers.0.cell: expected "lstm", "gru" or "rnn", got "dense"',
    ],
    ['layers: [{ cell: gru, kind: gru, hiddenSize: 3 }]', 'layers.0.cell: expected kind alone'],
    [
      'layers: [{ kind: dense, width: 3, widht: 3 }]',
      'layers.0.widht: unknown key; did you mean model.layers.0.width\\?',
    ],
    ['layers: [{ kind: gru }]', 'layers.0.hiddenSize: missing; expected a whole number above 0'],
    [
      'layers: [{ hiddenSize: 3 }, { kind: residual, layers: [{ kind: dense, width: 0 }] }]',
      'layers.1.layers.0.width: expected a whole number above 0, got 0',
    ],
    [
      'layers: [{ hiddenSize: 3 }, { kind: residual, layers: [{ kind: gru, hiddenSize: 4 }] }]',
      'layers.1.layers: expected layers that leave as many values .*: they get 3 and leave 4',
    ],
    [
      'layers: [{ kind: residual, layers: [] }]',
      'layers.0.layers: expected a list of one or more groups of keys, got an empty list',
    ],
    ['layers: [{ kind: add }]', 'layers.0.kind: expected .*, got "add"'],
    ['embedding: 0', 'embedding: expected a whole number above 0 or a group of keys'],
    ['embedding: { width: 0 }', 'embedding.width: expected a whole number above 0, got 0'],
    ['pooling: lasst', 'pooling: expected .*"last".*, got "lasst"'],
    [
      'pooling: [max, last, last]',
      'pooling.2: expected every kind once at most, and last stands before it, got "last"$',
    ],
    [
      'pooling: [attention, { kind: attention, width: 3 }]',
      'pooling.1: expected every kind once at most, and attention stands before it',
    ],
    ['pooling: []', 'pooling: expected .*a list of one or more .*, got an empty list'],
    [
      'pooling: { kind: atention }',
      'pooling.kind: expected .*, got "atention"; did you mean "attention"\\?',
    ],
    [
      'pooling: { kind: attention, score: dot, width: 3 }',
      'pooling.width: expected nothing beside score: dot, which weighs tokens by what the top layer leaves',
    ],
    [
      'pooling: { kind: attention, width: 0 }',
      'pooling.width: expected a whole number above 0, got 0',
    ],
    [
      'pooling: [max, { kind: attention, widht: 3 }]',
      'pooling.1.widht: unknown key; did you mean model.pooling.1.width\\?',
    ],
  ])('%s', (model, message) => {
    expect(() => parse(`{ ${model} }`)).toThrow(new RegExp(`^x\\.yaml:3:\\d+: model\\.${message}`));
  });

  it('also of a language model that would read from the end within a block', () => {
    const layers = '[{ kind: residual, layers: [{ hiddenSize: 64, direction: backwards }] }]';
    expect(() => parse(`{ layers: ${layers} }`, 'language-model')).toThrow(
      'model.layers.0.layers.0.direction: expected "forwards" for a language model, got "backwards"',
    );
  });
});

describe('configs of before', () => {
  const now = parse(
    '{ embedding: 12, layers: [{ kind: lstm, hiddenSize: 7 }, { kind: gru, hiddenSize: 5 }] }',
  );
  const before =
    '{ embedding: 12, layers: [{ cell: lstm, hiddenSize: 7 }, { cell: gru, hiddenSize: 5 }] }';

  it('mean what they meant', () => {
    expect(parse(before)).toEqual(now);
    expect(
      parse('{ embedding: 12, layers: [{ hiddenSize: 7 }, { cell: gru, hiddenSize: 5 }] }'),
    ).toEqual(now);
  });

  it('mean it as runs have written them, with a merge that says nothing', () => {
    const written = '{ cell: lstm, hiddenSize: 7, direction: forwards, merge: concatenate }';
    expect(parse(`{ embedding: 12, layers: [${written}, { cell: gru, hiddenSize: 5 }] }`)).toEqual(
      now,
    );
  });

  it('mean it where a checkpoint has signed them', () => {
    const signed = signConfig(now);
    signed['model'] = {
      embedding: 12,
      dropout: 0,
      layers: [
        { cell: 'lstm', hiddenSize: 7, direction: 'forwards', merge: 'concatenate' },
        { cell: 'gru', hiddenSize: 5, direction: 'forwards', merge: 'concatenate' },
      ],
    };
    expect(restoreConfig(now, signed, 'state.json')).toEqual({ config: now, changes: [] });
  });

  it('are refused where a checkpoint of an early version read rows’ ends above dropout', () => {
    const dropout = '{ kind: dropout, rate: 0.3 }';
    const both = parse(`{ layers: [{ hiddenSize: 4, direction: both }, ${dropout}] }`);
    const { readsEndsBelowDropout, ...early } = signConfig(both);
    expect(readsEndsBelowDropout).toBe(true);
    expect(restoreConfig(both, signConfig(both), 'state.json').changes).toEqual([]);
    expect(() => restoreConfig(both, early, 'state.json')).toThrow(
      'state.json: was trained by an early version, which read what rows end with above the dropout that stands on the top recurrent layer: train it anew',
    );
    // From the left it is the same: a row ends at its last token.
    const forwards = parse(`{ layers: [{ hiddenSize: 4 }, ${dropout}] }`);
    expect(signConfig(forwards)).not.toHaveProperty('readsEndsBelowDropout');
  });

  it('come back from what a run writes', () => {
    expect(parseConfig(formatConfig(now), 'x.yaml')).toEqual(now);
    const more = parse(
      '{ embedding: { width: 4 }, layers: [{ kind: residual, layers: [{ hiddenSize: 4, direction: both, merge: sum }] }] }',
    );
    expect(parseConfig(formatConfig(more), 'x.yaml')).toEqual(more);
  });
});

it('the JSON Schema says what there is once', () => {
  const file = new URL('../../configs/schema.json', import.meta.url);
  const text = readFileSync(file, 'utf8');
  expect(text.match(/"warmupSteps"/g)!.length).toBeLessThan(10);
  expect(text.match(/"#\/\$defs\/layer"/g)!.length).toBe(3);
});

it('the parameters of a crf stand in the table of layers, too, so that it comes to what a checkpoint holds', () => {
  const config = parseConfig(
    'task: tag\ndata: { train: [a.conll] }\nmodel: { layers: [{ hiddenSize: 4 }] }\ntrain: { loss: { kind: crf } }\n',
    'x.yaml',
  );
  const shape = networkShape(config, 9, ['a', 'b', 'c']);
  const layers = summarizeNetwork(shape, 5);
  expect(layers.at(-1)).toMatchObject({ name: 'crf', parameters: 3 * 3 + 3 + 3 });
  expect(layers.reduce((sum, { parameters }) => sum + parameters, 0)).toBe(countParameters(shape));
});
