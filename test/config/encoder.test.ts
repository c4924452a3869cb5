import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../src/config/load.js';
import { networkShape } from '../../src/compute/sizes.js';
import { summarizeNetwork } from '../../src/model/summary.js';
import { trainingKeys } from '../../src/run/config-changes.js';
import { testRefusals } from './refusal.js';

const files = 'data: { train: { source: a.de, target: a.en } }';
const translator = (model: string): string => `task: translate\n${files}\nmodel: {${model}}\n`;

describe("a translator's config", () => {
  it('says nothing of an encoder that reads both ways, general attention and a bridge to every layer', () => {
    const { model } = parseConfig(translator(''), 'x.yaml');
    expect(model.encoder).toMatchObject({
      layers: [{ kind: 'lstm', hiddenSize: 128, direction: 'both' }],
      dropout: 0,
    });
    expect(model.attention).toEqual({ kind: 'general', heads: 1 });
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

  testRefusals([
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
      'an embedding of the source that is tied',
      translator('encoder: { embedding: { width: 8, tied: true } }'),
      'configs/x.yaml:3:43: model.encoder.embedding.tied: expected false: the head predicts words of the target',
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
      'an encoder of a classifier',
      'task: classify\ndata: { train: a.csv }\nmodel: { encoder: { dropout: 0.1 } }\n',
      'model.encoder: expected nothing for a classifier, which reads no source',
    ],
  ]);
});
