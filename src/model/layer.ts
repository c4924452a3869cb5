import type { z } from 'zod';
import type { Zod } from '../zod.js';
import type { BufferSpec, HeapPlan, IndexTensor, Tensor } from '../tensor/heap.js';
import type { Binding, RowKernel } from './binding.js';
import type { Parameter } from './weights/parameters.js';
import type { LayerDescription, LayerName } from './graph/shape.js';
import type { SharedBuffers } from './shared-buffers.js';
import type { Signal } from './signal.js';
import type { NetworkSizes } from './sizes.js';
import type { WeightGradientGroup } from './weights/weight-gradients.js';
import type { WorkGroup } from './work/shares.js';
import type { Recurrence, Share } from './work/teams.js';

/**
 * The contract of layers. A kind of layer is one file below layers/ that says everything about it; the network knows none by
 * name. From the description of a network to kernels that run it takes three steps, each pure:
 *
 *   describe  options and input → parameters, output, cost: all that can be said without a batch
 *   plan      sizes of batches  → buffers on the heap
 *   bind      one thread's view of the heap and one slot's batch → passes and groups of work
 *
 * What keeps the same bits for any number of workers: only the shards' tree adds over rows (`weightGradients`), a pass writes
 * only its own places or units, and can be repeated after a death.
 */

/**
 * What a kind of layer can take as its input: a signal's values, by what has a row of it, those of distinct letters, the tokens
 * (or letters) themselves, or what rows begin with.
 */
export type Accepted = Signal['per'] | 'letters' | 'tokens' | 'states';

/** A kind of layer, for the registry. */
export interface LayerKind extends Face {
  kind: string;
  /** Schema of its options. */
  options: (zod: Zod) => z.ZodType;
  accepts: readonly Accepted[];
  /** Whether it stands on one signal, or joins several. */
  joins: boolean;
  /** Whether it stands on both streams: it goes over the batch's own, and reads the source beside. */
  crosses?: boolean;
  /**
   * @param options as its schema has given them
   * @param inputs what it stands on, in the order in which it is bound to them
   * @param name of this layer of a network, for those of its parameters and buffers
   * @throws UnfitInput for an input that it cannot take
   */
  describe(options: unknown, inputs: readonly Signal[], name: LayerName): NetworkLayer;
}

/** What a config may say of a kind. */
export interface Face {
  /**
   * Where a config names it: among `model.layers`, a layer of the stack; or in `model.pooling`, one that makes a signal by row of
   * one by token. Nowhere where absent.
   */
  place?: 'layers' | 'pooling';
  /** Options that only change how weights are trained: with others, trained weights mean what they meant. */
  training?: readonly string[];
  /** Of a layer of the stack: whether `model.dropout` drops some of its outputs. */
  dropped?: boolean;
  /** Whether it hands on what it stands on where nobody trains the network. */
  onlyTrains?: boolean;
  /**
   * Whether the names of its parameters hold the layer's number among all such layers (`gru.weight_ih_l0`). If not, the name of its
   * module holds that among all layers (`dense_2.weight`).
   */
  numbered?: boolean;
}

/** An input that a layer cannot take: a sentence that begins in its midst, for whoever has put the network together. */
export class UnfitInput extends Error {
  override name = 'UnfitInput';

  /** @param option that does not fit, where it is one */
  constructor(
    message: string,
    readonly option?: string,
  ) {
    super(message);
  }
}

interface Definition<O, L, Inputs> extends Face {
  kind: string;
  options: (zod: Zod) => z.ZodType<O>;
  accepts: readonly Accepted[];
  /** @throws UnfitInput for an input that it cannot take, beyond what `accepts` says */
  describe(options: O, inputs: Inputs, name: LayerName): L;
}

/** A kind of layer with one input, from what it does with options as its schema gives them. */
export function defineLayer<O>(definition: Definition<O, Layer, Signal>): LayerKind {
  return {
    ...definition,
    joins: false,
    describe(given, inputs, name) {
      const [input] = inputs;
      if (!input || inputs.length > 1) {
        throw new UnfitInput(`${definition.kind} stands on one layer, not on ${inputs.length}`);
      }
      expectAccepted(definition, input);
      const layer = definition.describe(given as O, input, name);
      return {
        ...layer,
        plan(heap, sizes, shared) {
          const planned = layer.plan(heap, sizes, shared);
          return {
            ...planned,
            bind: (binding, [bound], gradient) => planned.bind(binding, bound!, gradient),
          };
        },
      };
    },
  };
}

/** A kind of layer that stands on one signal, and on others beside, of which it says itself what they have to be. */
export function defineAmong<O>(
  definition: Definition<O, NetworkLayer, readonly [Signal, ...Signal[]]> &
    Pick<LayerKind, 'crosses'>,
): LayerKind {
  return {
    ...definition,
    joins: false,
    describe(given, inputs, name) {
      const [input, ...others] = inputs;
      if (!input) throw new UnfitInput(`${definition.kind} stands on a layer`);
      expectAccepted(definition, input);
      return definition.describe(given as O, [input, ...others], name);
    },
  };
}

/** A kind of layer that joins signals, two or more. */
export function defineJoin<O>(
  definition: Definition<O, NetworkLayer, readonly Signal[]>,
): LayerKind {
  return {
    ...definition,
    joins: true,
    describe(given, inputs, name) {
      for (const input of inputs) expectAccepted(definition, input);
      if (inputs.length < 2 || inputs.some(({ per }) => per !== inputs[0]!.per)) {
        const found = inputs.map(({ per }) => per).join(', ');
        throw new UnfitInput(
          `${definition.kind} joins two or more signals of a kind, got ${found}`,
        );
      }
      return definition.describe(given as O, inputs, name);
    },
  };
}

function expectAccepted(
  { kind, accepts }: Pick<LayerKind, 'kind' | 'accepts'>,
  input: Signal,
): void {
  const of = input.spells ? 'letters' : input.states ? 'states' : input.per;
  const found = input.isTokens ? 'tokens' : of;
  if (!accepts.includes(found)) {
    throw new UnfitInput(`${kind} cannot stand on ${found}: expected ${accepts.join(' or ')}`);
  }
}

/**
 * A layer of a network, the same on every thread. Kinds with one input describe a `Layer`, bound to that one; the network's code
 * sees all as a `NetworkLayer`, bound to a list.
 */
export interface Layer<Inputs = BoundSignal> {
  output: Signal;
  /** Which tokens it goes over, and its output is of where it has a row for each: the source's, or the batch's own; of its inputs. */
  of?: Signal['of'];
  /** What it reads of its inputs. */
  reads: 'whole' | 'final';
  parameters: Parameter[];
  /** Names of parameters that it has in common with the layers that declare them, each expecting that it adds to their gradients. */
  shares?: readonly string[];
  /** What a row carries from batch to batch where the network does so; cleared, checkpointed, alternated by slot. */
  carried: Carried[];
  /** Whether what it makes of a token depends on those behind it: its rows cannot go on in the next batch. */
  reverses?: boolean;
  /** Whether it asks which tokens stand behind one, if only on the way back. */
  looksBehind?: boolean;
  /** What the choice of teams depends on; of recurrent layers alone. */
  recurrences?: Recurrence[];
  /** What it is made of where it goes step by step through layers of its own; see `StepLayer`. */
  steps?: readonly StepLayer[];
  /** Kernels that it binds at most, where these are more than a few. */
  kernels?: number;
  /** Most meetings of a team in one pass, forwards and backwards. */
  meetings(steps: number): number;
  /** Multiply-adds forwards, in the usual count: look-ups and pointwise work are free, short cuts not taken. */
  multiplyAdds(tokens: number, rows: number): number;
  /**
   * Whether the gradient of the input may take the place of that of the output: each element of the latter has been read
   * before its place is written. If not, that of the output stays for the gradients of the weights. It need not take it: the two
   * are the same buffer only by chance, and never where another layer has written the gradient of the input before.
   */
  gradientInPlace: boolean;
  plan(heap: HeapPlan, sizes: NetworkSizes, shared: SharedBuffers): PlannedLayer<Inputs>;
}

export type NetworkLayer = Layer<readonly BoundSignal[]>;
export type PlannedNetworkLayer = NetworkLayer & PlannedLayer<readonly BoundSignal[]>;

/** A layer within one that goes step by step. What it stands on are places there, or, below 0, what the whole stands on: −1 the first of that. */
export interface StepLayer {
  description: LayerDescription & { inputs: readonly number[] };
  layer: NetworkLayer;
}

/** A state of `width` columns a row; parts follow each other in the buffers, whole panels each. */
export interface Carried {
  /** Within the checkpoint's file. */
  name: string;
  width: number;
}

export interface PlannedLayer<Inputs = BoundSignal> {
  /**
   * Of the output, its columns beyond the signal's width being zeros; absent where it is another buffer's or differs from slot
   * to slot.
   */
  values?: BufferSpec;
  /** What was attended to: [heads · panels of the source's longest row, places, 16], of each token a column for each token of its source. */
  attention?: { weights: BufferSpec; heads: number };
  /** By slot: [panels of all that is carried, rows, 16] before the slot's batch; the other slot's holds them after it. */
  states?: readonly BufferSpec[];
  /** Floats that its passes take of a thread's scratch. */
  scratch?: number;
  /** Layers that it is made of, which carry what they do. */
  inner?: readonly PlannedNetworkLayer[];
  /**
   * @param input what the layer below has left there, or what those below have, in the order of the description
   * @param gradient where the gradient of the output will lie; absent where none is formed
   */
  bind(binding: Binding, input: Inputs, gradient: BoundGradient): BoundLayer;
}

/** A signal's values on the heap, and where whoever reads it leaves its gradient. */
export interface BoundSignal extends BoundGradient {
  value: Tensor;
  /** [panels, rows, 16] */
  final?: Tensor;
  /**
   * Of the gradient, or the final one, whichever the layer that is bound writes: the first who writes it begins from zero, others
   * add to what is there. Layers write in the order in which the network is walked back, so there is one first.
   */
  start: 'zero' | 'result';
}

/** Of a pass backwards; whoever writes it leaves zeros, or what it adds to zeros, in columns beyond the width. */
export interface BoundGradient {
  gradient?: Tensor;
  finalGradient?: Tensor;
}

/** A layer on one thread, bound to one slot's batch. Gradients and updates exist in training alone. */
export interface BoundLayer {
  readonly output: { value: Tensor; final?: Tensor };
  /** Before rows are dealt: one part's share of the distinct tokens. */
  prepare?: (part: number) => void;
  /**
   * In place of it where rows go on from others of the batch before, of which several may go on from one: one part's share of what is computed once for each of
   * these, too, from the states that they have left. Of layers without it each row is given its own; see `next` of its passes.
   */
  prepareNext?: (part: number) => void;
  /** Behind that, when all distinct letters have their vectors: one part's share of the distinct spellings. */
  spell?: (part: number) => void;
  /**
   * When distinct spellings have their gradients: the same share back to the letters of each.
   *
   * @param again whether that may have been begun before: what is kept on the way may be lost
   */
  spellBack?: (part: number, again: boolean) => void;
  /** A layer without passes hands on what others have computed. */
  passes?: RowPasses | SequencePasses;
  /** Gradients of weights over all rows, by panels of their rows; or over all letters, when distinct spellings have theirs. */
  weightGradients?: WeightGradientGroup[];
  /** For an input by distinct token: its gradient in rows [row0, row1), when all weights have theirs. */
  distinctGradient?: RowKernel;
  /** For an output by distinct token: what is left to do with the gradient of blocks [block0, block1) of 16 rows. */
  finishDistinct?: RowKernel;
  /** What follows the update of parameters; a parameter that stands in none needs nothing. */
  packs: Pack[];
  /** Parameters whose gradient has a row for each distinct token of the batch alone. */
  sparse?: SparseGradient[];
}

/** Each row of the output depends on the same row of the input alone: rows [row0, row1) at a time. */
export interface RowPasses {
  by: 'rows';
  forward(row0: number, row1: number): void;
  backward?(row0: number, row1: number): void;
  /** Of a layer that goes step by step with others: one part's share of what comes before the first step, either way. */
  begin?(part: number): void;
  beginBackward?(part: number): void;
}

/**
 * A part's share of a layer whose rows are mixed along the sequence. Yields where the members of a team meet: at its
 * beginning and end, too, if it reads places that other members write, or writes over what they read. Where nobody writes
 * over what it read last (a gradient that is not formed in place, in a buffer of its own), it need not meet at its end.
 */
export interface SequencePasses {
  by: 'sequence';
  forward(part: number): Share;
  backward?(part: number): Share;
  /** Forwards, of rows that go on from others, behind `prepareNext`. */
  next?(part: number): Share;
  /** The same in steps, between which others may come. */
  steps?: StepPasses;
}

/**
 * A part's share of a layer that goes from token to token: of each step what stands at the places of its tokens, whoever has them, and behind
 * a meeting of the team what is computed of all of them.
 */
export interface StepPasses {
  /** Calls that a step takes, between which a team meets. */
  calls: number;
  /** What the part's own rows begin with; and behind a meeting what comes before the first step. */
  begin(part: number): void;
  enter(part: number): void;
  /** At the places of a step: before it forwards, behind it backwards. */
  before(place0: number, place1: number): void;
  behind(place0: number, place1: number): void;
  /** Call `call` of all steps. */
  forward(part: number, call: number): void;
  backward(part: number, call: number): void;
  /** Backwards what comes before the first step; and behind a meeting what the part's own rows have begun with. */
  leave(part: number): void;
  end(part: number): void;
}

/** Follows the update of parameters, unit by unit, while they are in the cache. */
export interface Pack {
  /** All of as many units. */
  parameters: readonly string[];
  group: WorkGroup;
}

export interface SparseGradient {
  parameter: string;
  /** [column panels, distinct tokens, 16] */
  gradient: Tensor;
  /** [rows]: each row's place in it, or −1 */
  index: IndexTensor;
}
