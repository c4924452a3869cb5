import { expect, it } from 'vitest';
import { chooseBackend } from '../../../src/backend/select.js';
import { createLocalRunner } from '../../../src/compute/runner.js';
import { computingShape } from '../../../src/model/graph/computing-shape.js';
import { describeStack } from '../../../src/model/graph/stack.js';
import { ALONE, differingBits, evaluate, start } from '../network-runs.js';
import { casesOf, sketch } from '../random-networks.js';
import { checkAll, NETWORKS } from '../shares-of-networks.js';

const { kind } = chooseBackend('auto');

it('a network predicts to the same bits where it cannot be trained', async () => {
  await checkAll(
    'untrained',
    casesOf(50_000),
    NETWORKS / 8,
    async ({ shape, batches, divisions, seed }) => {
      const drawn = { shape, batches, divisions, seed };
      const expected = await evaluate(await start(drawn, kind, ALONE));
      const untrained = await start(drawn, kind, ALONE, createLocalRunner, false);
      expect(differingBits(await evaluate(untrained), expected), sketch(drawn)).toBeUndefined();
    },
  );
});

/** A translator with dropout wherever a config may name it. */
function translator(top: 'gru' | 'dropout') {
  const dropout = { kind: 'dropout', rate: 0.5, over: 'elements' };
  return describeStack({
    ...{ vocabulary: 9, outputs: 9, predicts: 'token', carries: true, dropout: 0.5 },
    encoder: {
      ...{ vocabulary: 9, embedding: { width: 6, tied: true }, dropout: 0 },
      layers: [
        dropout,
        { kind: 'gru', hiddenSize: 8, direction: 'both' },
        ...(top === 'dropout' ? [dropout] : []),
      ],
    },
    embedding: { width: 6, tied: true },
    layers: [dropout, { kind: 'lstm', hiddenSize: 8 }],
    attention: { kind: 'general', heads: 1, width: 6 },
  });
}

it('what only trains is left out, and layers above it work on distinct tokens once each', () => {
  expect(computingShape(translator('gru')).layers.map((layer) => layer.kind)).toEqual([
    ...['embedding', 'shared-embedding', 'gru', 'last', 'bridge', 'lstm'],
    ...['dense', 'cross-attention', 'concatenate', 'dense', 'tied-head'],
  ]);
});

it('what stands at the last token of a layer that only trains does not become what the layer below ends with', () => {
  const shape = translator('dropout');
  const dropped = shape.layers.findLastIndex(({ kind: each }) => each === 'gru') + 1;
  const layers = shape.layers.map((layer) =>
    layer.kind === 'last' ? { ...layer, inputs: [dropped] } : layer,
  );
  const computed = computingShape({ ...shape, layers }).layers;
  const last = computed.find((layer) => layer.kind === 'last')!;
  expect(computed[last.inputs![0]!]!.kind).toBe('dropout');
});
