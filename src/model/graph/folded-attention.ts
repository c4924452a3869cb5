import { describeNetwork } from './describe.js';
import type { LayerDescription, NetworkShape } from './shape.js';

/** Tells a parameter's values by its name. */
type ValuesOf = (name: string) => ArrayLike<number>;

/** A network that computes what another one does, but for rounding. */
export interface FoldedNetwork {
  readonly shape: NetworkShape;
  /** The parameters that the other network has not, made of its own. */
  readonly makeWeights: (of: ValuesOf) => Map<string, Float32Array>;
}

/**
 * Moves to the tokens of the source what a decoder with attention would compute for each of its own: scores q · m with q = W h are h · k with k = Wᵀ m, and of
 * f(A [Σ a m, h] + b) the first half is Σ a v with v = A₁ m. A beam follows many texts of a sentence, whose keys and values are computed once.
 *
 * Attention with several heads stays as it is, and so does what goes step by step.
 */
export function foldAttention(shape: NetworkShape): FoldedNetwork {
  const folding = new Folding(shape);
  for (const attention of folding.nodes.filter(hasOneHead)) {
    folding.foldQueries(attention);
    folding.foldSums(attention);
  }
  return {
    shape: { ...shape, layers: folding.describe() },
    makeWeights: (of) => new Map(Array.from(folding.made, ([name, make]) => [name, make(of)])),
  };
}

/** A layer, and those that it stands on: places where these are below 0. */
interface Node extends Pick<LayerDescription, 'kind' | 'name' | 'options'> {
  readonly inputs: readonly (Node | number)[];
  /** Of what it leaves. */
  readonly width: number;
}

interface DenseOptions {
  readonly width: number;
  readonly activation: string;
  readonly bias: boolean;
}

function hasOneHead({ kind, options }: Node): boolean {
  return kind === 'cross-attention' && (options as { heads: number }).heads === 1;
}

class Folding {
  readonly nodes: { -readonly [Key in keyof Node]: Node[Key] }[] = [];
  /** How parameters that the other network has not are made of its own. */
  readonly made = new Map<string, (of: ValuesOf) => Float32Array>();

  constructor(shape: NetworkShape) {
    const { layers, inputs } = describeNetwork(shape);
    shape.layers.forEach(({ kind, name, options }, place) => {
      const below = inputs[place]!.map((each) => this.nodes[each] ?? each);
      this.nodes.push({ kind, name, options, inputs: below, width: layers[place]!.output.width });
    });
  }

  /** The layers as a network's, in their order. */
  describe(): LayerDescription[] {
    return this.nodes.map(({ kind, name, options, inputs }) => {
      const places = inputs.map((each) =>
        typeof each === 'number' ? each : this.nodes.indexOf(each),
      );
      return { kind, name, options, inputs: places };
    });
  }

  /** Keys that are made of the source take the place of queries that are made of what the decoder leaves. */
  foldQueries(attention: Folding['nodes'][number]): void {
    const [query, ...memory] = attention.inputs;
    if ((attention.options as { score: string }).score !== 'dot') return;
    if (typeof query !== 'object' || query.kind !== 'dense' || this.#isShared(query)) return;
    const { activation, bias } = query.options as DenseOptions;
    const [own] = query.inputs;
    if (bias || activation !== 'none' || typeof own !== 'object') return;
    const [weight, rows, columns] = [weightOf(query), query.width, own.width];
    const key = this.#addDense(attention, 'key', { width: columns, below: memory[0]! });
    this.made.set(weightOf(key), (of) => transpose(of(weight), rows, columns));
    attention.inputs = [own, key, memory.at(-1)!];
    this.nodes.splice(this.nodes.indexOf(query), 1);
  }

  /** Sums of what is made of the source take the place of what is made of sums. */
  foldSums(attention: Folding['nodes'][number]): void {
    const both = this.nodes.find(({ inputs }) => inputs.includes(attention));
    const output = this.nodes.find(({ inputs }) => both && inputs.includes(both));
    if (both?.kind !== 'concatenate' || output?.kind !== 'dense') return;
    const [first, own, ...others] = both.inputs;
    if (first !== attention || others.length > 0) return;
    if (this.#isShared(attention) || this.#isShared(both)) return;
    const { width, activation, bias } = output.options as DenseOptions;
    const [weight, offset] = [weightOf(output), biasOf(output)];
    const [sums, columns] = [attention.width, both.width];
    const memory = attention.inputs.at(-1)!;
    const value = this.#addDense(attention, 'value', { width, below: memory });
    const direct = this.#addDense(output, 'direct', { width, below: own!, bias });
    this.made.set(weightOf(value), (of) => cutColumns(of(weight), columns, 0, sums));
    this.made.set(weightOf(direct), (of) => cutColumns(of(weight), columns, sums, columns));
    if (bias) this.made.set(biasOf(direct), (of) => Float32Array.from(of(offset)));
    const [query, keys] = attention.inputs;
    attention.inputs = [query!, keys!, value];
    this.nodes.splice(this.nodes.indexOf(both), 1);
    const sum = { kind: 'add', options: { activation }, inputs: [attention, direct] };
    Object.assign(output, sum);
  }

  /** Whether more than one layer stands on it. */
  #isShared(node: Node): boolean {
    return this.nodes.filter(({ inputs }) => inputs.includes(node)).length > 1;
  }

  /** A dense layer that is computed just before another one, whose module its name begins with. */
  #addDense(
    before: Node,
    name: string,
    { width, below, bias = false }: { width: number; below: Node | number; bias?: boolean },
  ): Node {
    const { module, index } = before.name;
    const dense: Node = {
      ...{ kind: 'dense', name: { module: `${module}.${name}`, index } },
      options: { width, activation: 'none', bias } satisfies DenseOptions,
      ...{ inputs: [below], width },
    };
    this.nodes.splice(this.nodes.indexOf(before), 0, dense);
    return dense;
  }
}

function weightOf({ name }: Node): string {
  return `${name.module}.weight`;
}

function biasOf({ name }: Node): string {
  return `${name.module}.bias`;
}

/** @param values [rows, columns] */
function transpose(values: ArrayLike<number>, rows: number, columns: number): Float32Array {
  const transposed = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      transposed[column * rows + row] = values[row * columns + column]!;
    }
  }
  return transposed;
}

/** Columns [begin, end) of values [rows, columns]. */
function cutColumns(
  values: ArrayLike<number>,
  columns: number,
  begin: number,
  end: number,
): Float32Array {
  const width = end - begin;
  const cut = new Float32Array((values.length / columns) * width);
  for (let at = 0; at < cut.length; at++) {
    cut[at] = values[Math.floor(at / width) * columns + begin + (at % width)]!;
  }
  return cut;
}
