import { PANEL, type BufferSpec, type HeapPlan } from '../../tensor/heap.js';
import { vocabularyOf } from '../shape.js';
import type { Signal } from '../signal.js';
import { maxDistinct, maxPlaces, mostRows, type NetworkSizes } from '../sizes.js';
import { TEAM_FIELDS, type BatchLayout } from './batch-layout.js';
import type { DistinctLayout } from './distinct-layout.js';

/** Buffers of one laid-out batch. */
export type SlotPlan = Record<Exclude<keyof BatchLayout, 'features'>, BufferSpec> & {
  readonly features: readonly DistinctPlan[];
};

type DistinctPlan = Record<keyof DistinctLayout, BufferSpec>;

/** What there is of distinct tokens, stream 0, or of the distinct values of one of their features. */
export function distinctOf(slotPlan: SlotPlan, stream: number): DistinctPlan {
  return stream === 0 ? slotPlan : slotPlan.features[stream - 1]!;
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
  const distinct = (prefix: string, stream: number): DistinctPlan => {
    const most = maxDistinct(sizes, stream);
    return {
      distinctOf: indices(`${prefix}distinct of`, places),
      distinctIds: indices(`${prefix}distinct ids`, most),
      distinctStart: indices(`${prefix}distinct start`, most + 1),
      distinctRange: indices(`${prefix}distinct range`, 2),
      positions: indices(`${prefix}positions`, maxTokens),
      distinctIndex: indices(`${prefix}distinct index`, vocabularyOf(shape, stream)),
    };
  };
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
    features: (shape.features ?? []).map((_, i) => distinct(`feature ${i} `, i + 1)),
    targets: indices('targets', mostRows(sizes, { per: target })),
  };
}
