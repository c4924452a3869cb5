import fc from 'fast-check';
import { z } from 'zod';
import type { RawBatch } from '../../src/model/batch/raw-batch.js';
import { CELLS, LAYERS } from '../../src/model/layers/registry.js';
import type {
  FeatureShape,
  LayerDescription,
  LossDescription,
  NetworkShape,
} from '../../src/model/graph/shape.js';
import type { Precision } from '../../src/backend/backend.js';
import type { AveragingConfig } from '../../src/optimizers/averaging.js';
import type { Teams } from '../../src/model/work/teams.js';
import { bitsOfFloat } from '../../src/tensor/float-bits.js';
import { addLabel, wordsOf } from '../../src/tensor/label-sets.js';
import { rawBatch } from '../parity/fixture.js';
import { optionOf, WIDEST, type Option } from './random-options.js';
import { build, MOST_LAYERS, type Wish, type Wishes } from './wished-network.js';

/*
 * Networks of all layers of the registry, as they may stand on each other (wished-network.ts). A kind that is new in the registry is drawn
 * without a word about it here.
 */

/** A network, a batch for each step, and some ways to divide the work. */
export interface Case {
  shape: NetworkShape;
  batches: RawBatch[];
  /** Among 1, 2, 3, 5 and 7 parts, in teams of any size. */
  divisions: Division[];
  /** Of the weights, where averages of them are kept. */
  averaging?: Averaging;
  seed: number;
  precision?: Precision;
}

/** How averages are formed, and the updates before they begin where that is not with the first. */
export interface Averaging {
  config: AveragingConfig;
  from?: number;
}

export interface Division extends Teams {
  /** Where each part's share of the rows begins. [parts + 1] */
  bounds: Float64Array;
}

const MOST_FEATURES = 2;
const STEPS = 3;

/**
 * Kinds that stand where `build` puts them alone: a tied head on top, over the weight of an embedding below it, a bridge below a
 * recurrent layer, what looks the source's words up in an embedding of the batch's own, and what goes step by step.
 */
const PLACED = ['tied-head', 'bridge', 'shared-embedding', 'fed', 'input-feeding'];

/** Chains as often as branches. */
const pickOne = fc.option(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), {
  freq: 2,
});
const picks = fc.array(pickOne, { minLength: 2, maxLength: 3 });

const wishes = new Map(
  LAYERS.filter(({ kind }) => !PLACED.includes(kind)).map(({ kind, options }) => {
    const schema = z.toJSONSchema(options(z), { io: 'input' }) as Option;
    return [
      kind,
      fc.record({ kind: fc.constant(kind), options: optionOf(schema), picks }),
    ] as const;
  }),
);

const poolings = LAYERS.flatMap(({ kind, place }) =>
  place === 'pooling' ? [wishes.get(kind)!] : [],
);

interface Drawn extends Pick<Wishes, 'spelled' | 'ends' | 'readsLasts' | 'reads'> {
  vocabulary: number;
  /** What is known of tokens beside. */
  features: FeatureShape[];
  source: { vocabulary: number; isShared: boolean } | null;
  wishes: Wish[];
  outputs: number;
  /** Whether the head has the weight of an embedding; then there are as many outputs as words. */
  isTied: boolean;
  smoothing: number;
  /** Whether the tags of a row are one chain, where tokens have targets. */
  isChain: boolean;
  /** What rows have where they have one target, and how it is compared: a number, or a set of labels; else they have classes. */
  ofRows: 'squared' | 'absolute' | 'binary' | null;
  /** Of the classes, in turn; none where all weigh the same. */
  weights: number[];
  carries: boolean;
  lengths: number[][];
  divisions: Division[];
  averaging: Averaging | null;
  seed: number;
}

const drawn: fc.Arbitrary<Drawn> = fc.record({
  vocabulary: fc.integer({ min: 2, max: 60 }),
  features: fc.array(
    fc.record(
      { values: fc.integer({ min: 1, max: 40 }), letters: fc.integer({ min: 1, max: 7 }) },
      { requiredKeys: ['values'] },
    ),
    { maxLength: MOST_FEATURES },
  ),
  source: fc.option(
    fc.record({ vocabulary: fc.integer({ min: 2, max: 30 }), isShared: fc.boolean() }),
    { freq: 2 },
  ),
  wishes: fc.array(fc.oneof(...wishes.values()), {
    minLength: 2,
    maxLength: 3 * MOST_LAYERS,
    size: 'max',
  }),
  spelled: fc.array(
    fc.record({ vectors: wishes.get('embedding')!, read: wishes.get('letters')! }),
    {
      ...{ minLength: MOST_FEATURES, maxLength: MOST_FEATURES },
    },
  ),
  reads: fc.record({
    vectors: wishes.get('embedding')!,
    attends: wishes.get('cross-attention')!,
    isTied: fc.boolean(),
    feeds: fc.option(fc.oneof(...CELLS.map((cell) => wishes.get(cell)!)), { freq: 2 }),
  }),
  ends: fc.array(fc.oneof(...poolings), { minLength: 1, maxLength: 3 }),
  readsLasts: fc.boolean(),
  outputs: fc.integer({ min: 2, max: WIDEST }),
  isTied: fc.integer({ min: 0, max: 3 }).map((number) => number === 0),
  // Also in eighths, so that they are exact and no class weighs next to nothing.
  isChain: fc.boolean(),
  ofRows: fc.constantFrom('squared' as const, 'absolute' as const, 'binary' as const, null, null),
  smoothing: fc.constantFrom(0, 0, 0.125, 0.5),
  weights: fc.array(
    fc.integer({ min: 1, max: 20 }).map((eighths) => eighths / 8),
    { maxLength: 5 },
  ),
  carries: fc.boolean(),
  lengths: fc.array(
    fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 12, size: 'max' }),
    { minLength: STEPS, maxLength: STEPS },
  ),
  divisions: fc.tuple(...[1, 2, 3, 5, 7].map(divisionOf)),
  averaging: fc.constantFrom(
    null,
    { config: { kind: 'ema' as const, decay: 0.75 } },
    { config: { kind: 'nt-asgd' as const, n: 1 }, from: 1 },
  ),
  seed: fc.integer({ min: 0, max: 1_000_000 }),
});

function divisionOf(parts: number): fc.Arbitrary<Division> {
  const inner = fc.array(fc.integer({ min: 0, max: 32 }), {
    minLength: parts - 1,
    maxLength: parts - 1,
  });
  return fc
    .record({ teams: fc.integer({ min: 1, max: parts }), inner: fc.option(inner) })
    .map(({ teams, inner: uneven }) => ({
      ...{ parts, teams },
      bounds: uneven
        ? Float64Array.from([0, ...uneven.toSorted((a, b) => a - b), 32], (share) => share / 32)
        : Float64Array.from({ length: parts + 1 }, (_, part) => part / parts),
    }));
}

/**
 * Networks with their batches.
 *
 * @param mostWork multiply-adds of a batch forwards: rows that would make it more are left out
 */
export function casesOf(mostWork: number): fc.Arbitrary<Case> {
  return drawn
    .map(({ wishes: wished, spelled, smoothing, weights, isChain, isTied, ofRows, ...others }) => {
      const { ends, readsLasts, reads, ...all } = others;
      const source = all.source?.isShared
        ? { ...all.source, vocabulary: all.vocabulary }
        : all.source;
      const rest = { ...all, source };
      const { vocabulary, features, carries } = rest;
      const outputs = isTied ? vocabulary : rest.outputs;
      const network = build(
        { wished, ends, readsLasts, spelled, reads },
        { vocabulary, features, ...(source && { source }) },
        carries,
        (per) =>
          per === 'row' && ofRows && ofRows !== 'binary'
            ? { outputs: 1, isTied: false }
            : { outputs, isTied },
      );
      const per = network?.layers.at(-1)!.output.per;
      const loss =
        per === 'row' && ofRows
          ? lossOfRows(ofRows, outputs, weights)
          : isChain && per === 'token'
            ? chainOf(outputs)
            : lossOf(outputs, smoothing, weights);
      return { ...rest, outputs, network, loss };
    })
    .filter(({ network }) => network !== undefined)
    .map(({ network, loss, carries, lengths, divisions, averaging, ...rest }) => {
      const { seed, vocabulary, features, source, outputs } = rest;
      const { descriptions, layers } = network!;
      const known = { vocabulary, features, ...(source && { source }) };
      const shape = { ...known, layers: descriptions, loss, carries };
      const dice = diceOf(seed);
      const perToken = layers.reduce((sum, layer) => sum + layer.multiplyAdds(1, 1), 0);
      const fitting = lengths.map((rows) => {
        const most = Math.max(1, Math.floor(mostWork / perToken));
        return rows.reduce<number[]>((fit, length, row) => {
          const taken = fit.reduce((sum, each) => sum + each, 0);
          if (row === 0) return [Math.min(length, most)];
          return taken + length > most ? fit : [...fit, length];
        }, []);
      });
      // Rows that go on in the next batch are as many there.
      const count = Math.min(...fitting.map((rows) => rows.length));
      const { per } = layers.at(-1)!.output;
      const batches = fitting.map((all) => {
        const rows = carries ? all.slice(0, count) : all;
        const each = (below: number): number[][] =>
          rows.map((length) => Array.from({ length }, () => dice(below)));
        const targets = per === 'token' ? each(outputs) : undefined;
        const label = (): number => dice(outputs);
        // By eighths, and so exact: from some deviations below the mean to some above.
        const number = (): number => bitsOfFloat(SCALE.mean + dice(65) / 8 - 4);
        const set = (): number[] => {
          const words = new Int32Array(wordsOf(outputs));
          for (let c = 0; c < outputs; c++) if (dice(4) === 0) addLabel(words, 0, c);
          return [...words];
        };
        const drawLabel = { squared: number, absolute: number, binary: set }[loss.kind] ?? label;
        const labels = rows.flatMap(drawLabel);
        const streams = features.map(({ values, letters }) =>
          letters === undefined
            ? each(values)
            : rows.map((length) => spell(dice, length, values, letters)),
        );
        const sources =
          source &&
          rows.map((length) =>
            // Sources that are longer than their rows, and shorter ones.
            Array.from({ length: 1 + dice(length + 4) }, () => dice(source.vocabulary)),
          );
        return rawBatch(each(vocabulary), labels, targets, streams, sources ?? undefined);
      });
      return { shape, batches, divisions, ...(averaging && { averaging }), seed };
    });
}

/** Letters of some tokens, few of them or many: often the same ones, and sometimes none. */
function spell(
  dice: (below: number) => number,
  tokens: number,
  values: number,
  most: number,
): number[] {
  return Array.from({ length: tokens }, () => {
    const some = dice(most + 1);
    const few = 1 + dice(values + 1);
    return Array.from({ length: most }, (_, i) => (i < some ? 1 + (dice(few) % values) : 0));
  }).flat();
}

/** What numbers are standardised by. */
const SCALE = { mean: 0.5, deviation: 2 };

/** Tags of which none follows itself but the first. */
function chainOf(outputs: number): LossDescription {
  const forbidden = Array.from({ length: outputs - 1 }, (_, i) => (i + 1) * (outputs + 3));
  return { kind: 'crf', options: { forbidden } };
}

function lossOfRows(
  kind: NonNullable<Drawn['ofRows']>,
  outputs: number,
  weights: number[],
): LossDescription {
  if (kind !== 'binary') return { kind, options: SCALE };
  const positiveWeights = spread(weights, outputs);
  return { kind, options: { ...(weights.length > 0 && { positiveWeights }) } };
}

const spread = (weights: number[], outputs: number): number[] =>
  Array.from({ length: outputs }, (_, c) => weights[c % weights.length]!);

function lossOf(outputs: number, labelSmoothing: number, weights: number[]): LossDescription {
  const classWeights = spread(weights, outputs);
  return {
    kind: 'softmax',
    options: { labelSmoothing, ...(weights.length > 0 && { classWeights }) },
  };
}

/** Draws whole numbers below a bound, by a linear congruential generator: fast, and nothing here need be shrunk one by one. */
export function diceOf(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/**
 * Whether all values follow the parameters smoothly: where one has a kink, rounding decides which slope it has, and where few units
 * are normalised that are nearly the same, all but.
 */
export function isSmooth({ shape }: Case): boolean {
  return (
    !/"(?:relu|absolute)"/.test(JSON.stringify(shape)) &&
    shape.layers.flatMap(withInner).every(({ options }) => {
      const { layerNorm = false, hiddenSize = 0 } = options as Record<string, unknown>;
      return layerNorm === false || Number(hiddenSize) >= 8;
    })
  );
}

/** A layer and those that it is made of. */
export function withInner(layer: LayerDescription): LayerDescription[] {
  const { layers = [] } = layer.options as { layers?: LayerDescription[] };
  return [layer, ...layers];
}

/** A network in one line, for messages. */
export function sketch({ shape, batches, averaging, precision = 'float32' }: Case): string {
  const layers = shape.layers.map(
    ({ kind, options, inputs = [] }, place) =>
      `${place}: ${kind} ${JSON.stringify(options)} on ${inputs.join(' and ')}`,
  );
  const rows = batches.map(({ rowStart }) =>
    Array.from(rowStart.slice(1), (end, row) => end - rowStart[row]!).join(' '),
  );
  const source = shape.source ? `, source ${JSON.stringify(shape.source)}` : '';
  return `${precision}, ${shape.vocabulary} words${source}, ${JSON.stringify(shape.features ?? [])} ${layers.join(', ')}, ${JSON.stringify(shape.loss.options)}${shape.carries ? ', carries' : ''}${averaging ? `, ${averaging.config.kind}` : ''}; rows ${rows.join(' | ')}`;
}
