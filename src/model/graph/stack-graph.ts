import { schemaOf } from '../../zod.js';
import { describeLayer, inputsOf, signalsOf } from './describe.js';
import { UnfitInput, type NetworkLayer } from '../layer.js';
import { CELLS, layerKind } from '../layers/registry.js';
import { SOURCE, type LayerDescription, type LayerName, type NetworkShape } from './shape.js';
import {
  isBlock,
  RESIDUAL,
  type StackAttention,
  type StackEncoder,
  type StackLayer,
} from './stack-layers.js';

/** Where in a stack something stands. */
type Path = readonly (string | number)[];

/** Layers that do not fit on each other: where in the stack, and a sentence that begins in its midst. */
export class StackProblem extends Error {
  override name = 'StackProblem';

  constructor(
    readonly path: Path,
    message: string,
  ) {
    super(message);
  }
}

/** Width of what a layer leaves, where it says so: else that of what it stands on. */
function widthOf(below: number | undefined, layer: StackLayer): number | undefined {
  const own = layer['hiddenSize'] ?? (layer.kind === 'dense' ? layer['width'] : undefined);
  return own === undefined ? below : Number(own);
}

/** Whether `dropout` drops some of what a layer leaves. */
export function isDropped(layer: StackLayer): boolean {
  return isBlock(layer) || layerKind(layer.kind).dropped === true;
}

/** Behind the name of dropout that stands on what rows end with in the place of their tokens. */
export const OF_ROWS = '_of_rows';

/** Tokens before one that it attends to, unless something else is said. */
const USUAL_SPAN = 64;

/** A network that grows from the bottom. */
export class Graph {
  readonly descriptions: LayerDescription[] = [];
  /** Of the stack's next layer, blocks being counted, too. */
  number = 0;
  /** Of the next layer whose parameters' names hold a number. */
  #numbered = 0;
  /** Of the names of modules. */
  #prefix = '';
  /** What the encoder leaves, of which recurrent layers begin with what is made; and the place of what it ends with. */
  #memory: number | undefined;
  #ends: number | undefined;
  /** The place of what is fed. */
  #fed: number | undefined;
  readonly #layers: NetworkLayer[] = [];
  readonly #expanded = new Map<number, number>();

  constructor(
    private readonly sizes: Pick<NetworkShape, 'vocabulary' | 'features' | 'source'>,
    private readonly carries: boolean,
  ) {}

  /**
   * @param shared the place of the target's embedding, where the source's has the same weight
   * @returns the place of what it leaves of each token
   */
  addEncoder({ embedding, layers, dropout }: StackEncoder, shared?: number): number {
    this.#prefix = 'encoder.';
    const path = ['encoder', 'embedding'];
    let top =
      shared === undefined
        ? this.add('embedding', 0, embedding, [SOURCE], path)
        : this.#share(embedding, shared, path);
    for (const [index, layer] of layers.entries()) {
      const { number } = this;
      top = this.addLayer(layer, top, ['encoder', 'layers', index]);
      if (index < layers.length - 1 && isDropped(layer)) top = this.drop(top, number, dropout);
    }
    // Layers that work on distinct tokens leave no sequence.
    if (this.#layers[top]!.output.per === 'distinct') top = this.#expand(top, ['encoder']);
    [this.#prefix, this.number, this.#numbered] = ['', 0, 0];
    return top;
  }

  /** Looks the source's words up in the target's embedding. */
  #share({ width, dropout = 0 }: StackEncoder['embedding'], shared: number, path: Path): number {
    const own = this.#layers[shared]!.output.width;
    if (width !== own) {
      throw new StackProblem(
        [...path, 'width'],
        `expected ${own} beside tied: true, the width of model.embedding, whose weight it has, got ${String(width)}`,
      );
    }
    if (dropout !== 0) {
      throw new StackProblem(
        [...path, 'dropout'],
        'expected 0 beside tied: true: model.embedding.dropout drops words of both sides',
      );
    }
    const name = { module: 'encoder.embedding', index: 0 };
    return this.add('shared-embedding', 0, {}, [shared, SOURCE], path, name);
  }

  /** Recurrent layers from here on begin with what is made of what the encoder ends with. */
  bridgeFrom(memory: number): void {
    this.#memory = memory;
  }

  /**
   * @param memory the place of what is attended to; without one the tokens before each
   * @returns the place of what is made of tokens and what they attend to
   */
  attend(
    { kind, heads, width, span = USUAL_SPAN }: StackAttention,
    memory: number | undefined,
    below: number,
  ): number {
    const path = ['attention'];
    const top = this.#layers[below]!.output.per === 'distinct' ? this.#expand(below, path) : below;
    const read = memory ?? top;
    const [own, source] = [top, read].map((place) => this.#layers[place]!.output.width) as [
      number,
      number,
    ];
    const named = (module: string) => ({ module: `attention${module}`, index: 0 });
    const wide = width ?? own;
    const project = (of: number, columns: number, module: string, bias: boolean): number =>
      this.add('dense', 0, { width: columns, bias }, [of], path, named(module));
    if (kind === 'dot' && own !== source) {
      throw new StackProblem(
        [...path, 'kind'],
        `expected encoder and decoder to leave as many values of a token as each other beside dot, they leave ${source} and ${own}: general brings them together`,
      );
    }
    const queries = {
      dot: () => top,
      general: () => project(top, source, '.query', false),
      additive: () => project(top, wide, '.query', true),
      none: () => top,
    }[kind]();
    const keys = kind === 'additive' ? [project(read, wide, '.key', false)] : [];
    const score = kind === 'additive' ? 'additive' : 'dot';
    // Tokens that are compared as they are stand for queries, too.
    const inputs = queries === read ? [read] : [queries, ...keys, read];
    const sums =
      memory === undefined
        ? this.add('self-attention', 0, { score, heads, span }, inputs, path, named(''))
        : this.add('cross-attention', 0, { score, heads }, inputs, path, named(''));
    const both = this.add('concatenate', 0, {}, [sums, top], path, named('.both'));
    const output = { width: wide, activation: 'tanh' };
    return this.add('dense', 0, output, [both], path, named('.output'));
  }

  /**
   * What comes of a token by attention is from here on fed to the lowest layer with the next one.
   *
   * @param layers below attention
   * @returns the place of what the lowest of them reads
   */
  beginFeeding({ width }: StackAttention, layers: readonly StackLayer[], below: number): number {
    const path = ['attention', 'inputFeeding'];
    const made = width ?? layers.reduce<number | undefined>(widthOf, undefined);
    if (made === undefined) {
      throw new StackProblem(
        path,
        'expected a recurrent or dense layer below attention, which tells how wide what is fed is, or model.attention.width',
      );
    }
    const name = { module: 'attention.fed', index: 0 };
    this.#fed = this.add('fed', 0, { width: made }, [below], path, name);
    return this.#fed;
  }

  /**
   * Makes one layer, which goes step by step, of all that has come of what is fed; what does not depend on that comes before it.
   *
   * @returns its place
   */
  endFeeding(): number {
    const inputs = this.descriptions.map((_, place) => inputsOf(this.descriptions, place));
    const within: number[] = [];
    const outside: number[] = [];
    const moved = new Map<number, number>();
    for (const [place, below] of inputs.entries()) {
      const isFed = place === this.#fed || below.some((each) => within.includes(each));
      if (isFed) within.push(place);
      else moved.set(place, moved.size);
    }
    const placeOf = (place: number): number => moved.get(place) ?? place;
    const inner = within.map((place) => ({
      ...this.descriptions[place]!,
      inputs: inputs[place]!.map((each) => {
        if (within.includes(each)) return within.indexOf(each);
        if (!outside.includes(each)) outside.push(each);
        return -1 - outside.indexOf(each);
      }),
    }));
    const kept = [...moved.keys()].map((place) => ({
      layer: this.#layers[place]!,
      description: { ...this.descriptions[place]!, inputs: inputs[place]!.map(placeOf) },
    }));
    this.descriptions.splice(0, Infinity, ...kept.map(({ description }) => description));
    this.#layers.splice(0, Infinity, ...kept.map(({ layer }) => layer));
    if (this.#ends !== undefined) this.#ends = placeOf(this.#ends);
    const expanded = [...this.#expanded].map(([of, to]) => [placeOf(of), placeOf(to)] as const);
    this.#expanded.clear();
    for (const [of, to] of expanded) this.#expanded.set(of, to);
    const path = ['attention', 'inputFeeding'];
    const name = { module: 'attention.steps', index: 0 };
    return this.add('input-feeding', 0, { layers: inner }, outside.map(placeOf), path, name);
  }

  /** @returns the place of what is left */
  drop(place: number, number: number, rate: number): number {
    if (rate === 0) return place;
    const name = { module: `${this.#prefix}dropout`, index: number };
    return this.add('dropout', number, { rate }, [place], ['dropout'], name);
  }

  /** A layer of the stack, or a block with its layers. @returns the place of what it leaves */
  addLayer(layer: StackLayer, below: number, path: Path): number {
    const number = this.number++;
    if (!isBlock(layer)) {
      const { kind, ...options } = layer;
      const own = layerKind(kind).numbered ? this.#numbered++ : number;
      return this.add(kind, own, options, [below, ...this.#begin(layer, number, path)], path);
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

  /**
   * What rows end with. Where dropout stands on a recurrent layer this is what that one ends with, of which is then dropped: what stands
   * at the last token is not that in a layer that reads from the end of rows.
   *
   * @param top the place of what is left of each token
   * @returns the place of what is left of each row
   */
  addLast(top: number, path: Path, name?: LayerName): number {
    const dropouts: LayerDescription[] = [];
    let below = top;
    while (this.descriptions[below]!.kind === 'dropout') {
      dropouts.unshift(this.descriptions[below]!);
      below = inputsOf(this.descriptions, below)[0]!;
    }
    if (!this.#layers[below]!.output.final) return this.add('last', 0, {}, [top], path, name);
    const last = this.add('last', 0, {}, [below], path, name);
    return dropouts.reduce((place, { options, name: { module, index } }) => {
      const ofRows = { module: `${module}${OF_ROWS}`, index };
      return this.add('dropout', index, options, [place], path, ofRows);
    }, last);
  }

  /** What the rows of a layer begin with, if not with zeros. */
  #begin({ kind, ...options }: StackLayer, number: number, path: Path): number[] {
    if (this.#memory === undefined || !CELLS.some((cell) => cell === kind)) return [];
    const last = { module: 'encoder.last', index: 0 };
    this.#ends ??= this.addLast(this.#memory, ['encoder'], last);
    const states = kind === 'lstm' ? 2 : 1;
    const name = { module: `bridge_${number}`, index: number };
    const given = { hiddenSize: options['hiddenSize'], states };
    return [this.add('bridge', number, given, [this.#ends], path, name)];
  }

  /**
   * What gives a logit for each output.
   *
   * @param attends whether it stands on what attention leaves
   */
  addHead(
    {
      embedding,
      vocabulary,
      outputs,
    }: { embedding: Readonly<Record<string, unknown>>; vocabulary: number; outputs: number },
    top: number,
    attends: boolean,
  ): void {
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
      const why = 'as many values of a token as model.embedding has, whose weight the head shares';
      throw new StackProblem(
        path,
        attends
          ? `expected attention to leave ${why}: it leaves ${above}, and the embedding has ${own}; model.attention.width: ${own} brings them together`
          : `expected model.layers to leave ${why}: they leave ${above}, and it has ${own}; a dense layer on top can bring them to that`,
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
    path: Path,
    name = this.#nameOf(kind, number),
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
      const onlySeesBefore = this.carries
        ? 'rows go on in the next batch'
        : this.sizes.source && 'tokens are predicted one after the other';
      if (onlySeesBefore && layer.reverses && layer.of !== 'source') {
        throw new UnfitInput(
          `expected a layer that sees what comes before a token alone, where ${onlySeesBefore}: ${kind} with these options sees what comes behind it, too`,
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

  /** The number is part of the parameters' names, or of the module's: no two layers have the same. */
  #nameOf(kind: string, number: number): LayerName {
    const { numbered, place } = layerKind(kind);
    const module = `${this.#prefix}${kind.replaceAll('-', '_')}`;
    const isUnique = numbered === true || place !== 'layers';
    return { module: isUnique ? module : `${module}_${number}`, index: number };
  }

  /** What layers read that cannot work on distinct tokens once each. */
  #expand(place: number, path: Path): number {
    const found = this.#expanded.get(place) ?? this.add('expand', place, {}, [place], path);
    this.#expanded.set(place, found);
    return found;
  }
}
