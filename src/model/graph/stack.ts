import { TOKENS, type LossDescription, type NetworkShape } from './shape.js';
import { Graph, isDropped, StackProblem } from './stack-graph.js';
import { CELLS } from '../layers/registry.js';
import {
  walkLayers,
  type StackAttention,
  type StackEncoder,
  type StackLayer,
} from './stack-layers.js';
import { withoutUnreadDropout } from './unread-dropout.js';

export { StackProblem };

/** Layers between an embedding and a dense layer. */
export interface Stack {
  vocabulary: number;
  /** Options of the embedding. */
  embedding: Readonly<Record<string, unknown>>;
  /** What is known of tokens beside. */
  features?: readonly StackFeature[];
  /** Bottom first. */
  layers: readonly StackLayer[];
  /** Share of the outputs that is dropped in training, of every layer whose kind says so and of every block. */
  dropout: number;
  /** What reads the source, where there is one: the layers, which are a decoder then, begin with and attend to what it leaves. */
  encoder?: StackEncoder;
  /** How tokens attend to those of the source, where there is one, or to those before them. */
  attention?: StackAttention;
  /** What the rows of the layers begin with, where there is a source: what is made of what the encoder ends with, or zeros. */
  bridge?: 'dense' | 'zeros';
  /** What makes one row of a row's tokens, by kind or with options, and is put side by side; of networks that predict rows. */
  pooling?: readonly (string | StackLayer)[];
  /** What has a class that is predicted. */
  predicts: 'row' | 'token';
  /** Whether rows go on where those of the batch before have ended; those whose tokens are predicted by default. */
  carries?: boolean;
  /** Classes, or the vocabulary again for language models. */
  outputs: number;
  /** Softmax without smoothing or weights unless told otherwise. */
  loss?: LossDescription;
}

/** Something that is known of tokens beside. */
export interface StackFeature {
  /** How many there are, of spellings how many letters. */
  readonly values: number;
  /** Of the vector of each, of spellings that of a whole one. */
  readonly width: number;
  /** Of spellings: how many letters each has at most, how wide the vectors of these are, and what reads them. */
  readonly letters?: {
    readonly most: number;
    readonly width: number;
    readonly read: 'convolution' | 'lstm';
    readonly window?: number;
  };
}

/**
 * The network of a stack.
 *
 * @throws StackProblem for layers that do not fit on each other
 */
export function describeStack(stack: Stack): NetworkShape {
  const { dropout, layers, pooling = ['last'], predicts, carries = predicts === 'token' } = stack;
  const { vocabulary, features = [], encoder, attention, bridge = 'dense' } = stack;
  const isShared = encoder?.embedding['tied'] === true;
  const sizes = {
    vocabulary,
    ...(encoder && {
      source: isShared ? { vocabulary, isShared } : { vocabulary: encoder.vocabulary },
    }),
    ...(features.length > 0 && {
      features: features.map(({ values, letters }) => ({
        values,
        ...(letters && { letters: letters.most }),
      })),
    }),
  };
  const graph = new Graph(sizes, carries);
  const drop = (place: number, number: number): number => graph.drop(place, number, dropout);
  const attends = attention !== undefined && attention.kind !== 'none';
  const attendsAfter = attends ? (attention.after ?? layers.length) : undefined;
  if (attendsAfter !== undefined && attendsAfter > layers.length) {
    throw new StackProblem(
      ['attention', 'after'],
      `expected at most ${layers.length}, as many as there are in model.layers, got ${attendsAfter}`,
    );
  }
  if (encoder && !attends && bridge === 'zeros') {
    throw new StackProblem(
      ['bridge'],
      'expected dense beside attention none: nothing else would read what the encoder leaves',
    );
  }
  const begins = Array.from(walkLayers(layers), ({ layer: { kind } }) => kind).some((kind) =>
    CELLS.some((cell) => cell === kind),
  );
  if (encoder && !attends && !begins) {
    throw new StackProblem(
      ['attention', 'kind'],
      'expected attention, or a recurrent layer among model.layers that begins with what the encoder ends with: nothing else would read what it leaves',
    );
  }
  const embed = (): number => graph.add('embedding', 0, stack.embedding, [TOKENS], ['embedding']);
  const shared = isShared ? embed() : undefined;
  const memory = encoder && graph.addEncoder(encoder, shared);
  if (memory !== undefined && bridge === 'dense') graph.bridgeFrom(memory);
  let top = shared ?? embed();
  if (features.length > 0) {
    // A word's vector and those of its features side by side.
    const known = features.map(({ width, letters }, index) => {
      const path = ['features', index];
      const add = (kind: string, options: object, below: number): number => {
        const name = { module: `${kind}_${index + 1}`, index: index + 1 };
        return graph.add(kind, 0, options, [below], path, name);
      };
      const looked = add('embedding', { width: letters?.width ?? width }, TOKENS - 1 - index);
      if (letters === undefined) return looked;
      const { read, window } = letters;
      return add('letters', { width, read, ...(window && { window }) }, looked);
    });
    const name = { module: 'features', index: 0 };
    top = graph.add('concatenate', 0, {}, [top, ...known], ['features'], name);
  }
  const count = Array.from(walkLayers(layers)).length;
  const feeds = attends && attention.inputFeeding === true;
  if (feeds && !encoder) {
    throw new StackProblem(
      ['attention', 'inputFeeding'],
      'expected false without a source: tokens attend to those before them, which have been read',
    );
  }
  if (feeds) top = graph.beginFeeding(attention, layers.slice(0, attendsAfter), top);
  for (const [index, layer] of layers.entries()) {
    const number = graph.number;
    top = graph.addLayer(layer, top, ['layers', index]);
    // Of the top layer a row's prediction reads what is pooled of it alone, and of what is attended with is dropped what is made of it.
    const isPooled = predicts === 'row' && index === layers.length - 1;
    if (attends && index + 1 === attendsAfter) {
      top = graph.attend(attention, memory, top);
      top = drop(feeds ? graph.endFeeding() : top, count);
    } else if (!isPooled && isDropped(layer)) top = drop(top, number);
  }
  if (predicts === 'row') {
    const path = ['pooling'];
    const pooled = pooling.map((each) => {
      const { kind, ...options } = typeof each === 'string' ? { kind: each } : each;
      if (kind === 'last') return graph.addLast(top, path);
      return graph.add(kind, 0, options, [top], path);
    });
    const name = { module: 'pooling', index: 0 };
    top = pooled.length > 1 ? graph.add('concatenate', 0, {}, pooled, path, name) : pooled[0]!;
    top = drop(top, graph.number);
  }
  graph.addHead(stack, top, attendsAfter === layers.length);
  return {
    ...sizes,
    layers: withoutUnreadDropout(graph.descriptions),
    loss: stack.loss ?? { kind: 'softmax', options: {} },
    carries,
  };
}
