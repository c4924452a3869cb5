import { z } from 'zod';
import { layerKind } from './layers/registry.js';
import type { RecurrentOptions } from './layers/recurrence.js';
import type { LayerDescription, NetworkShape } from './shape.js';

/** A stack of recurrent layers between an embedding and a dense layer. */
export interface Stack {
  vocabulary: number;
  /** Width of the embedding vectors. */
  embedding: number;
  /** Bottom first. */
  layers: readonly ({ cell: string } & Partial<RecurrentOptions> & { hiddenSize: number })[];
  /** Share of every layer's outputs that is dropped in training. */
  dropout: number;
  /** What has a class that is predicted. */
  predicts: 'row' | 'token';
  /** Whether rows go on where those of the batch before have ended; those whose tokens are predicted by default. */
  carries?: boolean;
  /** Classes, or the vocabulary again for language models. */
  outputs: number;
}

export function describeStack(stack: Stack): NetworkShape {
  const { vocabulary, embedding, layers, dropout, predicts, outputs } = stack;
  const drop = (index: number): LayerDescription[] =>
    dropout > 0 ? [describe('dropout', index, { rate: dropout })] : [];
  const recurrent = layers.flatMap(({ cell, ...options }, index) => [
    describe(cell, index, options),
    // Of the top layer a row's prediction reads one state alone.
    ...(predicts === 'row' && index === layers.length - 1 ? [] : drop(index)),
  ]);
  return {
    vocabulary,
    layers: [
      describe('embedding', 0, { width: embedding }),
      ...recurrent,
      ...(predicts === 'row' ? [describe('last', 0, {}), ...drop(layers.length)] : []),
      { ...describe('dense', 0, { width: outputs }), name: { module: 'head', index: 0 } },
    ],
    loss: 'softmax',
    carries: stack.carries ?? predicts === 'token',
  };
}

function describe(kind: string, index: number, options: unknown): LayerDescription {
  return {
    kind,
    name: { module: kind, index },
    options: layerKind(kind).options(z).parse(options),
  };
}
