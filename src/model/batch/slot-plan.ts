import { PANEL, type BufferSpec, type HeapPlan } from '../../tensor/heap.js';
import type { Signal } from '../signal.js';
import { maxDistinct, maxPlaces, mostRows, type NetworkSizes } from '../sizes.js';
import { TEAM_FIELDS, type BatchLayout } from './batch-layout.js';

/** Buffers of one laid-out batch. */
export type SlotPlan = Record<keyof BatchLayout, BufferSpec>;

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
  const distinct = maxDistinct(sizes);
  const places = maxPlaces(sizes);
  const indices = (name: string, ...lengths: number[]): BufferSpec =>
    heap.indices(`slot ${slot} ${name}`, ...lengths);
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
    distinctOf: indices('distinct of', places),
    distinctIds: indices('distinct ids', distinct),
    distinctStart: indices('distinct start', distinct + 1),
    distinctRange: indices('distinct range', 2),
    positions: indices('positions', maxTokens),
    distinctIndex: indices('distinct index', shape.vocabulary),
    targets: indices('targets', mostRows(sizes, target)),
  };
}
