import { describeLayer, signalsOf } from '../../src/model/graph/describe.js';
import { UnfitInput, type NetworkLayer } from '../../src/model/layer.js';
import { CELLS, layerKind } from '../../src/model/layers/registry.js';
import {
  SOURCE,
  TOKENS,
  type LayerDescription,
  type NetworkShape,
} from '../../src/model/graph/shape.js';
import type { Signal } from '../../src/model/signal.js';
import { schemaOf } from '../../src/zod.js';

/*
 * Networks of layers that are wished for, each on any below it: one that says that it cannot take these is left out, and so is what does
 * not lead to the head.
 */

const MOST_RECURRENT = 4;
/** Each may add a signal to itself, and so double it. */
const MOST_JOINS = 4;
export const MOST_LAYERS = 12;

/** A layer, and what it is to stand on. */
export interface Wish {
  kind: string;
  options: unknown;
  /** Which of the layers that it may stand on, from 0 to 1; on the last one where it is null. */
  picks: (number | null)[];
}

type Tokens = Pick<NetworkShape, 'vocabulary' | 'features' | 'source'>;

/** Layers with what they stand on. */
export interface Built {
  descriptions: (LayerDescription & { inputs: readonly number[] })[];
  layers: NetworkLayer[];
}

/** All that is wished for in a network. */
export interface Wishes {
  /** From the bottom. */
  wished: readonly Wish[];
  /** What is made of the letters of each feature that spells tokens. */
  spelled: readonly { vectors: Wish; read: Wish }[];
  /**
   * What the source's tokens are looked up by, whether that is the batch's own where it has the same words, how it is attended to in the end,
   * and with which recurrent layer that is fed back.
   */
  reads: { vectors: Wish; isTied: boolean; attends: Wish; feeds: Wish | null };
  /** What is read, in turn, of tokens that no layer reads, where the top is by row. */
  ends: readonly Wish[];
  /** Whether of layers whose tokens are read the last state is read, too, where the top is by row. */
  readsLasts: boolean;
}

/** The wishes that can be had, with a head on top; nothing where none leads from tokens to a head. */
export function build(
  { wished, ends, readsLasts, spelled, reads }: Wishes,
  tokens: Tokens,
  carries: boolean,
  headOf: (per: Signal['per']) => { outputs: number; isTied: boolean },
): Built | undefined {
  const built: Built = { descriptions: [], layers: [] };
  const { descriptions, layers } = built;
  const add = (kind: string, given: unknown, inputs: readonly number[]): boolean => {
    // Whether an embedding is tied, the head decides.
    const own = kind === 'embedding' ? { ...(given as object), tied: false } : given;
    const { success, data: options } = schemaOf(layerKind(kind).options).safeParse(own);
    if (!success) return false;
    const name = { module: `${kind}_${layers.length}`, index: layers.length };
    let layer: NetworkLayer;
    try {
      layer = describeLayer({ kind, name, options }, signalsOf(layers, inputs, tokens));
    } catch (error) {
      if (!(error instanceof UnfitInput)) throw error;
      return false;
    }
    // What reads rows from their ends cannot stand where they go on from batch to batch.
    if (carries && layer.reverses && layer.of !== 'source') return false;
    layers.push(layer);
    descriptions.push({ kind, name, options, inputs });
    return true;
  };
  const last = (): number => layers.length - 1;
  const pick = (from: readonly number[], share: number | null): number =>
    share === null ? from.at(-1)! : from[Math.floor(share * from.length)]!;
  const streams = [
    TOKENS,
    ...(tokens.features ?? []).map((_, i) => TOKENS - 1 - i),
    ...(tokens.source ? [SOURCE] : []),
  ];
  const placesOf = (per: Signal['per'], of?: Signal['of']): number[] =>
    layers.flatMap(({ output }, place) =>
      output.per === per && output.of === of && !output.states ? [place] : [],
    );
  const places = (): number[] => [...streams, ...layers.keys()];
  const join = ({ kind, options, picks: [first = null, ...others] }: Wish): void => {
    const place = pick(places(), first);
    const found = layers[place]?.output;
    const alike = found ? placesOf(found.per, found.of).filter((each) => each !== place) : [];
    if (alike.length === 0) return;
    const chosen = new Set(others.map((share) => pick(alike, share)));
    if (add(kind, options, [place, ...chosen])) return;
    // What takes signals of one width alone takes one that has been brought to it.
    add('dense', { width: found!.width }, [[...chosen][0]!]);
    add(kind, options, [place, last()]);
  };
  /** Attention to the source, of vectors that heads can divide where there are several. */
  const cross = ({ kind, options, picks: [first = null, second = null, third] }: Wish): void => {
    const [own, source] = [placesOf('token'), placesOf('token', 'source')];
    if (own.length === 0 || source.length === 0) return;
    const [query, key] = [pick(own, first), pick(source, second)];
    const [wanted, score] = [options as { heads?: number }, options];
    if ((wanted.heads ?? 1) === 1 && add(kind, score, [query, key])) return;
    const heads = Math.min(wanted.heads ?? 1, 2);
    const width = heads === 1 ? layers[key]!.output.width : 16 * heads;
    add('dense', { width }, [query]);
    const queries = last();
    if (third == null) {
      add('dense', { width }, [key]);
      add(kind, { ...wanted, heads }, [queries, last()]);
      return;
    }
    // Keys that are not the values: made of what may be these, too.
    add('dense', { width, bias: false }, [key]);
    const keys = last();
    if (add(kind, { ...wanted, heads }, [queries, keys, key])) return;
    add('dense', { width: 2 * width }, [key]);
    add(kind, { ...wanted, heads }, [queries, keys, last()]);
  };
  /** Attention to the tokens before each: of one signal, or with keys, or with keys and values of their own. */
  const look = ({ kind, options, picks: [first = null, second = null, third] }: Wish): void => {
    const own = placesOf('token');
    if (own.length === 0) return;
    const place = pick(own, first);
    if (second === null && add(kind, options, [place])) return;
    const { heads = 1 } = options as { heads?: number };
    const some = { ...(options as object), heads: Math.min(heads, 2) };
    const width = some.heads * 16 + (some.heads === 1 ? -3 : 0);
    add('dense', { width }, [place]);
    const queries = last();
    if (add(kind, some, [queries]) && second === null) return;
    add('dense', { width, bias: false }, [place]);
    const keys = last();
    if (third == null) add(kind, some, [queries, keys]);
    else {
      add('dense', { width: 2 * width }, [place]);
      add(kind, some, [queries, keys, last()]);
    }
  };
  /** A recurrent layer that reads what comes of attention at the token before. */
  const feed = (cell: Wish, { options, picks: [first = null, second = null] }: Wish): boolean => {
    const [word, memory] = [
      pick(placesOf('token'), first),
      pick(placesOf('token', 'source'), second),
    ];
    const { score } = options as { score: string };
    const { width } = layers[memory]!.output;
    const drawnOptions = { ...(cell.options as object), direction: 'forwards' };
    // There is nothing to put together.
    Reflect.deleteProperty(drawnOptions, 'merge');
    const wished: [kind: string, options: object, inputs: number[]][] = [
      ['fed', { width: 7 }, [-1]],
      [cell.kind, drawnOptions, [0]],
      ['dropout', { rate: 0.25 }, [1]],
      ['dense', { width, bias: score === 'additive' }, [2]],
      ['cross-attention', { score, heads: 1 }, [3, -2]],
      ['concatenate', {}, [4, 2]],
      ['dense', { width: 7, activation: 'tanh' }, [5]],
    ];
    const inner = wished.map(([kind, given, inputs], place) => {
      const parsed = schemaOf(layerKind(kind).options).safeParse(given);
      const name = { module: `${kind}_${layers.length}_${place}`, index: place };
      return { kind, name, options: parsed.data, inputs, isFit: parsed.success };
    });
    if (!inner.every(({ isFit }) => isFit)) return false;
    return add('input-feeding', { layers: inner }, [word, memory]);
  };
  /** A recurrent layer whose rows begin with what is made of what is known of them, where something is. */
  const begin = ({ kind, options, picks: [first = null, second = null] }: Wish): boolean => {
    const place = pick(places(), first);
    if (second !== null && placesOf('row').length === 0 && placesOf('token', 'source').length > 0) {
      add('last', {}, [pick(placesOf('token', 'source'), second)]);
    }
    const rows = placesOf('row');
    if (second === null || rows.length === 0) return add(kind, options, [place]);
    const { hiddenSize } = options as { hiddenSize: number };
    add('bridge', { hiddenSize, states: kind === 'lstm' ? 2 : 1 }, [pick(rows, second)]);
    const begun = { ...(options as object), direction: 'forwards', initialState: 'zeros' };
    // There is nothing to put together.
    Reflect.deleteProperty(begun, 'merge');
    return add(kind, begun, [place, last()]) || add(kind, options, [place]);
  };
  const recurrent = (): number => layers.flatMap(({ recurrences = [] }) => recurrences).length;
  for (const [i, { letters }] of (tokens.features ?? []).entries()) {
    if (letters === undefined) continue;
    // It takes two layers, one on the other and on nothing else, before anything can be made of letters.
    const { vectors, read } = spelled[i]!;
    add(vectors.kind, vectors.options, [TOKENS - 1 - i]);
    add(read.kind, read.options, [last()]);
    add('expand', {}, [last()]);
  }
  const readSource = (place: number): void => {
    const isTied = place === SOURCE && tokens.source?.isShared === true && reads.isTied;
    add(reads.vectors.kind, reads.vectors.options, [isTied ? TOKENS : place]);
    if (isTied) add('shared-embedding', {}, [last(), SOURCE]);
    add('expand', {}, [last()]);
  };
  if (tokens.source) readSource(SOURCE);
  let joins = 0;
  for (const wish of wished) {
    if (layers.length === MOST_LAYERS || recurrent() === MOST_RECURRENT) break;
    const { kind, options, picks: shares } = wish;
    if (layerKind(kind).crosses) cross(wish);
    else if (kind === 'self-attention') look(wish);
    else if (CELLS.some((cell) => cell === kind)) begin(wish);
    else if (!layerKind(kind).joins) add(kind, options, [pick(places(), shares[0]!)]);
    else if (joins++ < MOST_JOINS) join(wish);
  }
  if (tokens.source) {
    if (placesOf('token').length === 0) readSource(TOKENS);
    if (!reads.feeds || !feed(reads.feeds, reads.attends)) cross(reads.attends);
  }
  // Of the source's tokens none has a target.
  if (layers[last()]?.output.of === 'source') {
    const { kind, options } = ends[0]!;
    if (!add(kind, options, [last()])) return undefined;
  }
  const top = layers[last()]?.output;
  const unread = (per: Signal['per'] | undefined, of?: Signal['of']): number[] => {
    const read = new Set(descriptions.flatMap(({ inputs }) => inputs));
    return per ? placesOf(per, of).filter((place) => !read.has(place)) : [];
  };
  if (top?.per === 'row') {
    // A gradient then comes to the last token in two ways.
    const finals = layers.flatMap(({ output }, place) => (output.final ? [place] : []));
    const isRead = (place: number): boolean =>
      descriptions.some(
        ({ inputs }, above) => inputs.includes(place) && layers[above]!.reads === 'whole',
      );
    if (readsLasts) for (const place of finals.filter(isRead)) add('last', {}, [place]);
    [...unread('token'), ...unread('token', 'source')].forEach((place, i) => {
      const { kind, options } = ends[i % ends.length]!;
      add(kind, options, [place]);
    });
  }
  const loose = unread(top?.per);
  if (loose.length > 1) add('concatenate', {}, loose);
  const { per } = layers[last()]?.output ?? { per: 'row' };
  const { outputs, isTied } = headOf(per);
  const weight = isTied ? tie(built, tokens) : undefined;
  if (!weight) return add('dense', { width: outputs }, [last()]) ? prune(built) : undefined;
  add('dense', { width: weight.width }, [last()]);
  const head = { width: outputs, embedding: weight };
  return add('tied-head', head, [last()]) ? prune(built) : undefined;
}

/** Has an embedding that the last layer needs share its weight. */
function tie(
  { descriptions, layers }: Built,
  tokens: Tokens,
): { name: string; width: number } | undefined {
  const place = placesNeeded(descriptions).find(
    (each) =>
      descriptions[each]!.kind === 'embedding' && descriptions[each]!.inputs.includes(TOKENS),
  );
  if (place === undefined) return undefined;
  const tied = descriptions[place]!;
  tied.options = { ...(tied.options as object), tied: true };
  const layer = describeLayer(tied, signalsOf(layers, tied.inputs, tokens));
  layers[place] = layer;
  return { name: layer.parameters[0]!.name, width: layer.output.width };
}

/** The places of what leads to the last layer. */
function placesNeeded(descriptions: Built['descriptions']): number[] {
  const needed = new Set([descriptions.length - 1]);
  for (let place = descriptions.length - 1; place >= 0; place--) {
    if (needed.has(place)) descriptions[place]!.inputs.forEach((below) => needed.add(below));
  }
  return [...descriptions.keys()].filter((place) => needed.has(place));
}

/** What leads to the last layer. */
function prune({ descriptions, layers }: Built): Built {
  const kept = placesNeeded(descriptions);
  return {
    layers: kept.map((place) => layers[place]!),
    descriptions: kept.map((place) => ({
      ...descriptions[place]!,
      inputs: descriptions[place]!.inputs.map((below) => (below < 0 ? below : kept.indexOf(below))),
    })),
  };
}
