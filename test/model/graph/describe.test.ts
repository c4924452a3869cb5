import { describe, expect, it } from 'vitest';
import { describeNetwork } from '../../../src/model/graph/describe.js';
import { UnfitInput } from '../../../src/model/layer.js';
import { readersOf } from '../../../src/model/layers/letters.js';
import type { LayerDescription } from '../../../src/model/graph/shape.js';
import { schemaOf } from '../../../src/zod.js';

const layer = (kind: string, options: object, ...inputs: number[]): LayerDescription => ({
  ...{ kind, options, inputs },
  name: { module: kind, index: 0 },
});
const network = (...layers: LayerDescription[]) =>
  describeNetwork({
    vocabulary: 9,
    layers,
    loss: { kind: 'softmax', options: {} },
    carries: false,
  });

const embedding = layer('embedding', { width: 4 }, -1);
const lstm = (...inputs: number[]): LayerDescription =>
  layer('lstm', { hiddenSize: 6, direction: 'forwards' }, ...inputs);

describe('a network whose layers cannot stand on each other is refused', () => {
  it.each([
    ['an input twice', [embedding, lstm(0), layer('add', {}, 1, 1)], 'add stands on a layer twice'],
    ['one that nobody reads', [embedding, lstm(0), lstm(0)], 'no layer stands on lstm 1'],
    ['one that comes later', [embedding, lstm(2), lstm(1)], 'there is no layer 2 below'],
    [
      'a sum of two widths',
      [embedding, lstm(0), layer('dense', { width: 5 }, 1), layer('add', {}, 1, 2)],
      'add takes signals of the same width, got 6 and 5',
    ],
    [
      'a join of rows and tokens',
      [embedding, lstm(0), layer('last', {}, 1), layer('concatenate', {}, 1, 2)],
      'concatenate joins two or more signals of a kind, got token, row',
    ],
    [
      'a join of one',
      [embedding, lstm(0), layer('add', {}, 1)],
      'add joins two or more signals of a kind, got token',
    ],
    [
      'two inputs of one',
      [embedding, lstm(0), lstm(0, 1)],
      'lstm stands on one layer, and on one that leaves what its rows begin with',
    ],
    [
      'a tied embedding without its head',
      [layer('embedding', { width: 4, tied: true }, -1), lstm(0)],
      'expected one tied head for each tied embedding',
    ],
    ['nothing', [], 'expected a layer'],
  ])('%s', (_, layers, message) => {
    expect(() => network(...layers)).toThrow(new UnfitInput(message));
  });
});

it('puts signals side by side in the order of the inputs', () => {
  const { top } = network(
    embedding,
    lstm(0),
    layer('dense', { width: 5 }, 1),
    layer('concatenate', {}, 2, 1),
  );
  expect(top).toEqual({ per: 'token', width: 11 });
});

describe('what reads letters', () => {
  it.each(['convolution', 'lstm'] as const)('has all its options, without a schema: %s', (read) => {
    for (const { kind, options } of readersOf({ width: 6, read, window: 3 })) {
      expect(schemaOf(kind.options).parse(options), kind.kind).toEqual(options);
    }
  });
});
