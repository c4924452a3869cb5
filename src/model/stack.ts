import { schemaOf } from '../zod.js';
import { describeLayer, signalsOf } from './describe.js';
import { UnfitInput, type NetworkLayer } from './layer.js';
import { layerKind } from './layers/registry.js';
import {
  TOKENS,
  type LayerDescription,
  type LayerName,
  type LossDescription,
  type NetworkShape,
} from './shape.js';
import { isBlock, RESIDUAL, type StackLayer } from './stack-layers.js';

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

/** Layers that do not fit on each other: where in the stack, and a sentence that begins in its midst. */
export class StackProblem extends Error {
  override name = 'StackProblem';

  constructor(
    readonly path: readonly (string | number)[],
    message: string,
  ) {
    super(message);
  }
}

/**
 * The network of a stack.
 *
 * @throws StackProblem for layers that do not fit on each other
 */
export function describeStack(stack: Stack): NetworkShape {
  const { dropout, layers, pooling = ['last'], predicts, carries = predicts === 'token' } = stack;
  const { vocabulary, features = [] } = stack;
  const sizes = {
    vocabulary,
    ...(features.length > 0 && {
      features: features.map(({ values, letters }) => ({
        values,
        ...(letters && { letters: letters.most }),
      })),
    }),
  };
  const graph = new Graph(sizes, carries);
  const drop = (place: number, number: number): number => {
    if (dropout === 0) return place;
    const name = { module: 'dropout', index: number };
    return graph.add('dropout', number, { rate: dropout }, [place], ['dropout'], name);
  };
  let top = graph.add('embedding', 0, stack.embedding, [TOKENS], ['embedding']);
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
  for (const [index, layer] of layers.entries()) {
    const number = graph.number;
    top = graph.addLayer(layer, top, ['layers', index]);
    // Of the top layer a row's prediction reads what is pooled of it alone.
    const isPooled = predicts === 'row' && index === layers.length - 1;
    if (!isPooled && (isBlock(layer) || layerKind(layer.kind).dropped)) top = drop(top, number);
  }
  if (predicts === 'row') {
    const path = ['pooling'];
    const pooled = pooling.map((each) => {
      const { kind, ...options } = typeof each === 'string' ? { kind: each } : each;
      return graph.add(kind, 0, options, [top], path);
    });
    const name = { module: 'pooling', index: 0 };
    top = pooled.length > 1 ? graph.add('concatenate', 0, {}, pooled, path, name) : pooled[0]!;
    top = drop(top, graph.number);
  }
  graph.addHead(stack, top);
  return {
    ...sizes,
    layers: graph.descriptions,
    loss: stack.loss ?? { kind: 'softmax', options: {} },
    carries,
  };
}

/** A network that grows from the bottom. */
class Graph {
  readonly descriptions: LayerDescription[] = [];
  /** Of the stack's next layer, blocks being counted, too. */
  number = 0;
  /** Of the next layer whose parameters' names hold a number. */
  #numbered = 0;
  readonly #layers: NetworkLayer[] = [];
  readonly #expanded = new Map<number, number>();

  constructor(
    private readonly sizes: Pick<NetworkShape, 'vocabulary' | 'features'>,
    private readonly carries: boolean,
  ) {}

  /** A layer of the stack, or a block with its layers. @returns the place of what it leaves */
  addLayer(layer: StackLayer, below: number, path: readonly (string | number)[]): number {
    const number = this.number++;
    if (!isBlock(layer)) {
      const { kind, ...options } = layer;
      const own = layerKind(kind).numbered ? this.#numbered++ : number;
      return this.add(kind, own, options, [below], path);
    }
    let top = below;
    for (const [index, inner] of layer.layers.entries()) {
      top = this.addLayer(inner, top, [...path, 'layers', index]);
    }
    const [before, after] = [below, top].map((place) => this.#layers[place]!.output.width);
    if (before !== after) {
      throw new StackProblem(
        [...path, 'layers'],
        `expected layers that leave as many values of a token as they get, to which they are added: they get ${before} and leave ${after}`,
      );
    }
    return this.add('add', number, {}, [below, top], path, { module: RESIDUAL, index: number });
  }

  /** What gives a logit for each output. */
  addHead({ embedding, vocabulary, outputs }: Stack, top: number): void {
    const name = { module: 'head', index: 0 };
    if (embedding['tied'] !== true) {
      this.add('dense', 0, { width: outputs }, [top], ['layers'], name);
      return;
    }
    const path = ['embedding', 'tied'];
    if (outputs !== vocabulary) {
      throw new StackProblem(
        path,
        'expected false where no words are predicted: no other head could have the weight of an embedding of words',
      );
    }
    const [own, above] = [Number(embedding['width']), this.#layers[top]!.output.width];
    if (own !== above) {
      throw new StackProblem(
        path,
        `expected model.layers to leave as many values of a token as model.embedding has, whose weight the head shares: they leave ${above}, and it has ${own}; a dense layer on top can bring them to that`,
      );
    }
    const tied = { name: 'embedding.weight', width: own };
    this.add('tied-head', 0, { width: outputs, embedding: tied }, [top], path, name);
  }

  /**
   * @param number of the layer
   * @param inputs places of what it stands on
   * @param path of whoever is told that it does not fit there
   * @returns its place
   */
  add(
    kind: string,
    number: number,
    given: unknown,
    inputs: readonly number[],
    path: readonly (string | number)[],
    name = nameOf(kind, number),
  ): number {
    const { accepts, options } = layerKind(kind);
    const fitting = inputs.map((place) => {
      const { per, spells } = this.#layers[place]?.output ?? {};
      return per === 'distinct' && !spells && !accepts.includes('distinct')
        ? this.#expand(place, path)
        : place;
    });
    const place = this.descriptions.length;
    const description = {
      ...{ kind, name, options: schemaOf(options).parse(given) },
      // Most stand on the one just before.
      ...((fitting.length > 1 || fitting[0] !== place - 1) && { inputs: fitting }),
    };
    try {
      const signals = signalsOf(this.#layers, fitting, this.sizes);
      const layer = describeLayer(description, signals);
      if (this.carries && layer.reverses) {
        throw new UnfitInput(
          `expected a layer that sees what comes before a token alone, where rows go on in the next batch: ${kind} with these options sees what comes behind it, too`,
        );
      }
      this.#layers.push(layer);
    } catch (error) {
      if (!(error instanceof UnfitInput)) throw error;
      const { message, option } = error;
      throw new StackProblem(option === undefined ? path : [...path, option], message);
    }
    this.descriptions.push(description);
    return place;
  }

  /** What layers read that cannot work on distinct tokens once each. */
  #expand(place: number, path: readonly (string | number)[]): number {
    const found = this.#expanded.get(place) ?? this.add('expand', place, {}, [place], path);
    this.#expanded.set(place, found);
    return found;
  }
}

/** The number is part of the parameters' names, or of the module's: no two layers have the same. */
function nameOf(kind: string, number: number): LayerName {
  const { numbered, place } = layerKind(kind);
  const module = kind.replaceAll('-', '_');
  const isUnique = numbered === true || place !== 'layers';
  return { module: isUnique ? module : `${module}_${number}`, index: number };
}
