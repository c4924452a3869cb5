import { PANEL, type BufferSpec, type HeapPlan } from '../../tensor/heap.js';
import { streamsOf } from '../shape.js';
import type { Signal } from '../signal.js';
import { maxDistinct, maxPlaces, mostRows, type NetworkSizes } from '../sizes.js';
import { TEAM_FIELDS, type BatchLayout } from './batch-layout.js';
import type { DistinctLayout } from './distinct-layout.js';
import type { SpellingLayout } from './spelling.js';

/** Buffers of one laid-out batch. */
export type SlotPlan = Record<Exclude<keyof BatchLayout, 'features' | 'spellings'>, BufferSpec> & {
  readonly features: readonly DistinctPlan[];
  readonly spellings: readonly SpellingPlan[];
};

type DistinctPlan = Record<keyof DistinctLayout, BufferSpec>;
export type SpellingPlan = Record<keyof SpellingLayout, BufferSpec>;

/** What there is of distinct tokens, stream 0, or of the distinct values of one of their features, or of the letters of one. */
export function distinctOf(slotPlan: SlotPlan, stream: number): DistinctPlan {
  return stream === 0 ? slotPlan : slotPlan.features[stream - 1]!;
}

/** Where the letters of a stream of such lie. */
export function spellingOf({ features, spellings }: SlotPlan, stream: number): SpellingPlan {
  return spellings[stream - 1 - (features.length - spellings.length)]!;
}

/**
 * @param target what the batch's targets belong to
 * @param reverses whether a layer reads rows backwards
 */
export function planSlot(
  heap: HeapPlan,
  slot: number,
  sizes: NetworkSizes,
  target: Signal['per'],
  reverses: boolean,
): SlotPlan {
  const { maxRows, maxTokens, maxSteps, teams, shards, shape } = sizes;
  const places = maxPlaces(sizes);
  const indices = (name: string, ...lengths: number[]): BufferSpec =>
    heap.indices(`slot ${slot} ${name}`, ...lengths);
  const streams = streamsOf(shape);
  const distinct = (prefix: string, stream: number): DistinctPlan => {
    const most = maxDistinct(sizes, stream);
    const { values, spells } = streams[stream]!;
    const mostLetters = spells && spells.most * maxTokens;
    return {
      distinctOf: indices(`${prefix}distinct of`, mostLetters ?? places),
      distinctIds: indices(`${prefix}distinct ids`, most),
      distinctStart: indices(`${prefix}distinct start`, most + 1),
      distinctRange: indices(`${prefix}distinct range`, 2),
      positions: indices(`${prefix}positions`, mostLetters ?? maxTokens),
      // A batch's own numbers are below what it has at most.
      distinctIndex: indices(`${prefix}distinct index`, Number.isFinite(values) ? values : most),
    };
  };
  const spelled = (prefix: string, most: number): SpellingPlan => ({
    letterStart: indices(`${prefix}letter start`, maxTokens + 1),
    letterRange: indices(`${prefix}letter range`, 2),
    letterPlaces: indices(`${prefix}letter places`, most),
    letterBefore: indices(`${prefix}letter before`, most),
    letterBehind: indices(`${prefix}letter behind`, most),
  });
  return {
    header: indices('header', PANEL),
    teams: indices('teams', teams, TEAM_FIELDS),
    counts: indices('counts', teams * maxSteps),
    shardTokens: indices('shard tokens', shards + 1),
    shardRows: indices('shard rows', shards + 1),
    order: indices('order', maxTokens),
    rowStart: indices('row start', maxRows + 1),
    tokenPlaces: indices('token places', maxTokens),
    reversedPlaces: indices('reversed places', reverses ? maxTokens : 0),
    ranked: indices('ranked rows', maxRows),
    previous: indices('previous', maxTokens),
    runs: indices('runs', maxTokens),
    following: indices('following', reverses ? maxTokens : 0),
    reversedRuns: indices('reversed runs', reverses ? maxTokens : 0),
    rowSource: indices('row source', maxRows),
    numbers: indices('numbers', places),
    rowOf: indices('row of', places),
    ...distinct('', 0),
    features: streams.slice(1).map((_, i) => distinct(`feature ${i} `, i + 1)),
    spellings: streams.flatMap(({ spells }, stream) =>
      spells ? [spelled(`feature ${stream - 1} `, spells.most * maxTokens)] : [],
    ),
    targets: indices('targets', mostRows(sizes, { per: target })),
  };
}
