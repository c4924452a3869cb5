import { PANEL, type BufferSpec, type Heap, type HeapPlan } from '../../tensor/heap.js';
import { streamsOf, type NetworkShape } from '../graph/shape.js';
import type { Signal } from '../signal.js';
import {
  maxDistinct,
  maxPlaces,
  mostRows,
  sourceSizes,
  spellingSizes,
  type NetworkSizes,
} from '../sizes.js';
import { TEAM_FIELDS, type BatchLayout } from './batch-layout.js';
import type { DistinctLayout } from './distinct-layout.js';

/** Buffers of one laid-out batch. */
export type SlotPlan = Record<
  Exclude<keyof BatchLayout, 'features' | 'spellings' | 'source'>,
  BufferSpec
> & {
  readonly features: readonly DistinctPlan[];
  readonly spellings: readonly SlotPlan[];
  readonly source?: SlotPlan;
};

/** Whether a layer asks for the tokens of rows in reverse: of the batch's own, and of the source's. */
export interface Reverses {
  own: boolean;
  source: boolean;
}

type DistinctPlan = Record<keyof DistinctLayout, BufferSpec>;
/** Which tokens have which numbers. */
type Numbering = Pick<DistinctPlan, 'distinctIds' | 'distinctIndex'>;

/** The batch that a signal's tokens are of. */
export function batchOf(slotPlan: SlotPlan, of: Signal['of']): SlotPlan {
  return of === 'source' ? slotPlan.source! : slotPlan;
}

/** What there is of distinct tokens, stream 0, or of the distinct values of one of their features, or of the letters of one. */
export function distinctOf(slotPlan: SlotPlan, stream: number): DistinctPlan {
  return stream === 0 ? slotPlan : slotPlan.features[stream - 1]!;
}

/** Which of the batches of spellings a stream of letters belongs to. */
export function spellingOf(
  { features = [] }: Pick<NetworkShape, 'features'>,
  stream: number,
): number {
  return stream - 1 - features.length;
}

/**
 * @param target what the batch's targets belong to, and how many words each has
 * @param name of the slot, for its buffers
 * @param numbering of the distinct tokens, where others have it, too
 */
export function planSlot(
  heap: HeapPlan,
  name: string,
  sizes: NetworkSizes,
  target: { per: Signal['per']; words: number },
  { own: reverses, source: reversesSource }: Reverses,
  numbering?: Numbering,
): SlotPlan {
  const { maxRows, maxTokens, maxSteps, teams, shards, shape } = sizes;
  const places = maxPlaces(sizes);
  const indices = (what: string, ...lengths: number[]): BufferSpec =>
    heap.indices(`${name} ${what}`, ...lengths);
  const streams = streamsOf(shape);
  const distinct = (prefix: string, stream: number): DistinctPlan => {
    const most = maxDistinct(sizes, stream);
    const { values } = streams[stream]!;
    // A batch numbers its own spellings.
    const isKnown = Number.isFinite(values);
    return {
      distinctOf: indices(`${prefix}distinct of`, places),
      distinctStart: indices(`${prefix}distinct start`, most + 1),
      distinctRange: indices(`${prefix}distinct range`, 2),
      positions: indices(`${prefix}positions`, maxTokens),
      ...((stream === 0 ? numbering : undefined) ?? {
        distinctIds: indices(`${prefix}distinct ids`, isKnown ? most : 0),
        distinctIndex: indices(`${prefix}distinct index`, isKnown ? values : 0),
      }),
    };
  };
  const own = distinct('', 0);
  const { distinctIds, distinctIndex } = own;
  // Of a batch of spellings each row has one target, which nobody asks for, and some cells read them from the end.
  const unasked = { per: 'row', words: 1 } as const;
  const spellings = streams.flatMap(({ spells }, stream) =>
    spells
      ? [
          planSlot(heap, `${name} letters ${stream}`, spellingSizes(sizes, stream), unasked, {
            own: true,
            source: false,
          }),
        ]
      : [],
  );
  // Rows that go on from others, whose source has been read.
  const goingOn = sizes.source && shape.carries ? maxRows : 0;
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
    ...own,
    features: [
      ...(shape.features ?? []).map((_, i) => distinct(`feature ${i} `, i + 1)),
      ...spellings.map(distinctPart),
    ],
    spellings,
    ...(sizes.source && {
      source: planSlot(
        heap,
        `${name} source`,
        sourceSizes(sizes),
        { per: 'row', words: 0 },
        { own: reversesSource, source: false },
        shape.source?.isShared ? { distinctIds, distinctIndex } : undefined,
      ),
    }),
    sourceRow: indices('source row', goingOn),
    parents: indices('parents', goingOn),
    distinctParents: indices('distinct parents', goingOn),
    parentOf: indices('parent of', goingOn),
    targets: indices('targets', mostRows(sizes, target) * target.words),
  };
}

function distinctPart(slotPlan: SlotPlan): DistinctPlan {
  const {
    distinctOf: of,
    distinctIds,
    distinctStart,
    distinctRange,
    positions,
    distinctIndex,
  } = slotPlan;
  return { distinctOf: of, distinctIds, distinctStart, distinctRange, positions, distinctIndex };
}

/** All that there is of distinct tokens in a batch: of its own and of its source, and of what is known of them. */
export function everyDistinct({ source, ...layout }: BatchLayout): DistinctLayout[] {
  return [layout, ...layout.features, ...(source ? everyDistinct(source) : [])];
}

/** Views of all buffers of a slot. */
export function viewSlot(
  heap: Heap,
  { features, spellings, source, ...slot }: SlotPlan,
): BatchLayout {
  return {
    ...viewIndices(heap, slot),
    features: features.map((feature) => viewIndices(heap, feature)),
    spellings: spellings.map((each) => viewSlot(heap, each)),
    ...(source && { source: viewSlot(heap, source) }),
  };
}

function viewIndices<Name extends string>(
  heap: Heap,
  specs: Record<Name, BufferSpec>,
): Record<Name, Int32Array> {
  const views = Object.entries<BufferSpec>(specs).map(([name, spec]) => [
    name,
    heap.flatIndices(spec),
  ]);
  return Object.fromEntries(views) as Record<Name, Int32Array>;
}
