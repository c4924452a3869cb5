import { describe, expect, it } from 'vitest';
import { describeSummary } from '../../src/commands/summaries/network-summary.js';
import { parseConfig } from '../../src/config/load.js';
import { networkShape } from '../../src/compute/sizes.js';
import { describeNetwork } from '../../src/model/graph/describe.js';
import { summarizeNetwork } from '../../src/model/graph/summary.js';
import { trainingKeys } from '../../src/run/config-changes.js';
import { testRefusals } from './refusal.js';

const files = 'data: { train: { source: a.de, target: a.en } }';
const translator = (model: string): string => `task: translate\n${files}\nmodel: {${model}}\n`;
const sharing = (model: string): string =>
  translator(model).replace('data: { ', 'data: { sharedVocabulary: true, ');

describe("a translator's config", () => {
  it('says nothing of an encoder that reads both ways, general attention and a bridge to every layer', () => {
    const { model } = parseConfig(translator(''), 'x.yaml');
    expect(model.encoder).toMatchObject({
      layers: [{ kind: 'lstm', hiddenSize: 128, direction: 'both' }],
      dropout: 0,
    });
    expect(model.attention).toEqual({ kind: 'general', heads: 1, inputFeeding: false });
    expect(model.bridge).toBe('dense');
  });

  it('becomes a graph with an encoder below, whose end the layers begin with and whose tokens they attend to', () => {
    const layers = 'layers: [{ hiddenSize: 8 }, { cell: gru, hiddenSize: 6 }], dropout: 0.1';
    const encoder = 'encoder: { layers: [{ hiddenSize: 3 }, { hiddenSize: 4 }], dropout: 0.2 }';
    const config = parseConfig(translator(`${layers}, ${encoder}`), 'x.yaml');
    const shape = networkShape(config, 9, [], { sourceVocabulary: 7 });
    const summary = summarizeNetwork(shape, 5);
    expect([shape.vocabulary, summary.at(-1)!.output.width]).toEqual([10, 10]);
    expect(shape.source).toEqual({ vocabulary: 7 });
    // What rows begin with is told without what fills panels up: two states of the LSTM, and one.
    const told = describeSummary(summary).filter((line) => line.startsWith('bridge'));
    expect(told.map((line) => /\d+ a row/.exec(line)?.[0])).toEqual(['16 a row', '6 a row']);
    expect(summary.map(({ name, inputs }) => [name, ...(inputs ?? [])])).toEqual([
      ['encoder.embedding 0', 'source'],
      ['encoder.lstm 0'],
      ['encoder.dropout 0'],
      ['encoder.lstm 1'],
      ['embedding 0', 'tokens'],
      ['encoder.last 0', 'encoder.lstm 1'],
      ['bridge 0'],
      ['lstm 0', 'embedding 0', 'bridge 0'],
      ['dropout 0'],
      ['bridge 1', 'encoder.last 0'],
      ['gru 1', 'dropout 0', 'bridge 1'],
      ['attention.query 0'],
      ['attention 0', 'attention.query 0', 'encoder.lstm 1'],
      ['attention.both 0', 'attention 0', 'gru 1'],
      ['attention.output 0'],
      ['dropout 2'],
      ['head'],
    ]);
  });

  it.each(['general', 'none'])(
    'begins with what the top recurrent layer of the encoder ends with, below dropout (attention %s)',
    (kind) => {
      const layers = 'layers: [{ hiddenSize: 8 }]';
      const dropped = '{ hiddenSize: 3, direction: both }, { kind: dropout, rate: 0.3 }';
      const encoder = `encoder: { layers: [${dropped}] }, attention: { kind: ${kind} }`;
      const shape = networkShape(
        parseConfig(translator(`${layers}, ${encoder}`), 'x.yaml'),
        9,
        [],
        {
          sourceVocabulary: 7,
        },
      );
      const summary = summarizeNetwork(shape, 5).map(({ name, inputs }) =>
        inputs ? `${name} on ${inputs.join(' and ')}` : name,
      );
      const end = 'encoder.last 0 on encoder.lstm 0';
      expect(summary).toContain(end);
      expect(summary.slice(summary.indexOf(end) + 1, summary.indexOf(end) + 3)).toEqual([
        'encoder.dropout_1_of_rows 1',
        'bridge 0',
      ]);
      // Nobody reads the tokens where nothing attends to them.
      expect(summary.some((name) => name.startsWith('encoder.dropout_1 1'))).toBe(
        kind === 'general',
      );
    },
  );

  it('may have one weight for the words of both sides and for the head', () => {
    const embedding = 'embedding: { width: 8, tied: true }';
    const layers = 'layers: [{ hiddenSize: 8 }]';
    const model = `${embedding}, encoder: { ${embedding} }, ${layers}, bridge: zeros`;
    const shape = networkShape(parseConfig(sharing(model), 'x.yaml'), 9, []);
    expect(shape.source).toEqual({ vocabulary: 10, isShared: true });
    const { parameters } = describeNetwork(shape);
    expect(parameters.flatMap(({ name, shape: [rows] }) => (rows === 10 ? name : []))).toEqual([
      'embedding.weight',
      'head.bias',
    ]);
    expect(summarizeNetwork(shape, 5).map(({ name, inputs }) => [name, ...(inputs ?? [])])).toEqual(
      expect.arrayContaining([
        ['encoder.embedding 0', 'embedding 0', 'source'],
        ['lstm 0', 'embedding 0'],
      ]),
    );
  });

  it('may attend below a layer, which reads what comes of it', () => {
    const layers = 'layers: [{ hiddenSize: 8 }, { hiddenSize: 6 }], dropout: 0.1';
    const model = `${layers}, attention: { after: 1, width: 5 }, bridge: zeros`;
    const shape = networkShape(parseConfig(translator(model), 'x.yaml'), 9, []);
    const names = summarizeNetwork(shape, 5).map(({ name, inputs }) => [name, ...(inputs ?? [])]);
    expect(names.slice(names.findIndex(([name]) => name === 'lstm 0'))).toEqual([
      ['lstm 0'],
      ['attention.query 0'],
      ['attention 0', 'attention.query 0', 'encoder.lstm 0'],
      ['attention.both 0', 'attention 0', 'lstm 0'],
      ['attention.output 0'],
      ...[['dropout 2'], ['lstm 1'], ['dropout 1'], ['head']],
    ]);
  });

  it('goes step by step through the layers below attention where what comes of it is fed to the lowest', () => {
    const block =
      '{ kind: residual, layers: [{ kind: layer-norm }, { kind: gru, hiddenSize: 8 }] }';
    const layers = `layers: [{ hiddenSize: 8 }, ${block}, { hiddenSize: 6 }], dropout: 0.1`;
    const model = `${layers}, attention: { kind: additive, after: 2, inputFeeding: true }`;
    const shape = networkShape(parseConfig(translator(model), 'x.yaml'), 9, []);
    const names = summarizeNetwork(shape, 5).map(({ name, inputs }) => [name, ...(inputs ?? [])]);
    expect(names.slice(names.findIndex(([name]) => name === 'expand 2'))).toEqual([
      ['expand 2'],
      ['encoder.last 0', 'encoder.lstm 0'],
      ['bridge 0'],
      ['bridge 3', 'encoder.last 0'],
      ['attention.key 0', 'encoder.lstm 0'],
      ['attention.fed 0', 'expand 2', 'attention.output 0'],
      ['lstm 0', 'attention.fed 0', 'bridge 0'],
      ...[['dropout 0'], ['layer-norm 2'], ['gru 1', 'layer-norm 2', 'bridge 3']],
      ['residual 1', 'dropout 0', 'gru 1'],
      ['attention.query 0'],
      ['attention 0', 'attention.query 0', 'attention.key 0', 'encoder.lstm 0'],
      ['attention.both 0', 'attention 0', 'residual 1'],
      ['attention.output 0'],
      ['dropout 5'],
      ['bridge 4', 'encoder.last 0'],
      ['lstm 2', 'dropout 5', 'bridge 4'],
      ['dropout 4'],
      ['head'],
    ]);
  });

  it('may drop otherwise when a run goes on, in the encoder, too', () => {
    const encoder = 'encoder: { layers: [{ hiddenSize: 3 }] }';
    const keys = trainingKeys(parseConfig(translator(encoder), 'x.yaml'));
    expect(keys).toEqual(
      expect.arrayContaining([
        ...['model.dropout', 'model.encoder.dropout', 'model.encoder.embedding.dropout'],
        'model.encoder.layers.0.weightDropout',
      ]),
    );
  });

  it('has the width of the embedding whose weight it has', () => {
    const model = 'embedding: { width: 24 }, encoder: { embedding: { tied: true } }';
    expect(parseConfig(sharing(model), 'x.yaml').model.encoder!.embedding).toEqual({
      ...{ width: 24, dropout: 0, tied: true },
    });
  });

  testRefusals([
    [
      'an encoder of what reads no source',
      'task: language-model\ndata: { train: a.txt }\nmodel: { encoder: { embedding: { tied: true } } }\n',
      'model.encoder: expected nothing for a language model, which reads no source',
    ],
    [
      'an embedding of no width and with no other weight',
      translator('encoder: { embedding: { dropout: 0.1 } }'),
      'model.encoder.embedding',
    ],
    [
      'layers that read from the end',
      translator('layers: [{ hiddenSize: 4, direction: both }]'),
      'configs/x.yaml:3:35: model.layers.0.direction: expected one direction, where rows begin with what another layer leaves',
    ],
    [
      'layers that see what comes',
      translator('layers: [{ kind: convolution, width: 3, channels: 4 }], bridge: zeros'),
      'configs/x.yaml:3:18: model.layers.0: expected a layer that sees what comes before a token alone, where tokens are predicted one after the other',
    ],
    [
      'dot beside other widths',
      translator('attention: { kind: dot }, layers: [{ hiddenSize: 6 }]'),
      'configs/x.yaml:3:22: model.attention.kind: expected encoder and decoder to leave as many values of a token as each other beside dot, they leave 256 and 6',
    ],
    [
      'heads that widths cannot be divided by',
      translator('attention: { heads: 3 }'),
      'configs/x.yaml:3:22: model.attention.heads: expected widths that 3 heads can divide into multiples of 16, got 256',
    ],
    [
      'nothing that reads the encoder',
      translator('attention: { kind: none }, bridge: zeros'),
      'model.bridge: expected dense beside attention none',
    ],
    [
      'nothing that begins with what the encoder ends with',
      translator('layers: [{ kind: dense, width: 8 }], attention: { kind: none }'),
      'configs/x.yaml:3:59: model.attention.kind: expected attention, or a recurrent layer among model.layers that begins with what the encoder ends with',
    ],
    [
      'one weight for words that both sides do not share',
      translator('encoder: { embedding: { width: 64, tied: true } }'),
      'configs/x.yaml:3:44: model.encoder.embedding.tied: expected false, or data.sharedVocabulary: true beside it',
    ],
    [
      'one weight of two widths',
      sharing('encoder: { embedding: { width: 8, tied: true } }'),
      'configs/x.yaml:3:33: model.encoder.embedding.width: expected 64 beside tied: true, the width of model.embedding, whose weight it has, got 8',
    ],
    [
      'dropped words of one side of one weight',
      sharing('encoder: { embedding: { width: 64, tied: true, dropout: 0.1 } }'),
      'configs/x.yaml:3:56: model.encoder.embedding.dropout: expected 0 beside tied: true',
    ],
    [
      'a tied head on attention of another width',
      translator('embedding: { width: 64, tied: true }'),
      'configs/x.yaml:3:33: model.embedding.tied: expected attention to leave as many values of a token as model.embedding has, whose weight the head shares: it leaves 128, and the embedding has 64; model.attention.width: 64 brings them together',
    ],
    [
      'heads of no attention',
      translator('attention: { kind: none, heads: 2 }'),
      'configs/x.yaml:3:34: model.attention.heads: expected nothing beside kind: none, got 2',
    ],
    [
      'a width of no attention',
      translator('attention: { kind: none, width: 32 }'),
      'configs/x.yaml:3:34: model.attention.width: expected nothing beside kind: none, got 32',
    ],
    [
      'attention on more layers than there are',
      translator('attention: { after: 2 }'),
      'configs/x.yaml:3:22: model.attention.after: expected at most 1, as many as there are in model.layers, got 2',
    ],
    [
      'layers that cannot go step by step',
      translator(
        'attention: { inputFeeding: true }, layers: [{ hiddenSize: 8 }, { kind: convolution, width: 3, padding: causal, channels: 4 }]',
      ),
      'configs/x.yaml:3:22: model.attention.inputFeeding: expected layers that go from token to token below attention, where what comes of a token is fed to the next one, got convolution',
    ],
    [
      'what a language model would feed',
      'task: language-model\ndata: { train: a.txt }\nmodel: { attention: { inputFeeding: true } }\n',
      'model.attention.inputFeeding: expected false without a source: tokens attend to those before them, which have been read',
    ],
    [
      'how far back a translator looks',
      translator('attention: { span: 8 }'),
      'configs/x.yaml:3:22: model.attention.span: expected nothing for a translator, whose tokens attend to all of the source, got 8',
    ],
    [
      'attention of a classifier',
      'task: classify\ndata: { train: a.csv }\nmodel: { attention: { kind: dot } }\n',
      'model.attention: expected nothing for a classifier, which does not predict token after token; attention over the tokens of a row is a model.pooling',
    ],
    [
      'an encoder of a classifier',
      'task: classify\ndata: { train: a.csv }\nmodel: { encoder: { dropout: 0.1 } }\n',
      'model.encoder: expected nothing for a classifier, which reads no source',
    ],
  ]);
});
