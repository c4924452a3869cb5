import fc from 'fast-check';
import {
  HEADER,
  TEAM,
  TEAM_FIELDS,
  type BatchLayout,
} from '../../../src/model/batch/batch-layout.js';
import { BatchLayouter } from '../../../src/model/batch/batch-layouter.js';
import type { DistinctLayout } from '../../../src/model/batch/distinct-layout.js';
import type { RawBatch } from '../../../src/model/batch/raw-batch.js';

export const VOCABULARY = 9;
export const MAX_ROWS = 24;
/** Of one feature of tokens; the other is how they are spelled. */
const FEATURE_VALUES = 5;
export const LETTERS = 4;
export const MOST_LETTERS = 3;
/** Of sources, whose rows are shorter or longer than those that they belong to. */
export const SOURCE_VOCABULARY = 6;
/** What a token of a source costs beside one of its row. */
export const SOURCE_COST = 0.25;
export const MAX_SOURCE_STEPS = 23;
const MAX_SOURCE_TOKENS = MAX_ROWS * MAX_SOURCE_STEPS;
export const MAX_SOURCE_PLACES = MAX_SOURCE_TOKENS + MAX_ROWS;
/** Above every label and target of `batchOf`. */
export const OUTPUTS = 2000;
export const MAX_STEPS = 19;
export const MAX_TOKENS = MAX_ROWS * MAX_STEPS;
/** Every row may be followed by an empty place. */
export const MAX_PLACES = MAX_TOKENS + MAX_ROWS;

export interface Dealing {
  shards: number;
  teams: number;
  keepRows: boolean;
  target: 'row' | 'token';
  /** Words of a row's target; one where absent. */
  targetWords?: number;
  /** Whether there is a source. */
  reads?: 'source';
  /** Where each team's share begins and ends. [teams + 1] */
  bounds: Float64Array;
}

/** Token ids of each row. */
export type Rows = number[][];

/** Rows on either side of the length from which blocks take an odd number of places, and short ones. */
export const rows: fc.Arbitrary<Rows> = fc.array(
  fc.oneof(tokenIds(1, 8), tokenIds(14, MAX_STEPS), tokenIds(16, 16)),
  { minLength: 1, maxLength: MAX_ROWS },
);
export const dealings: fc.Arbitrary<Dealing> = fc
  .record({
    shards: fc.constantFrom(1, 2, 4, 16),
    inner: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 8 }),
    isEven: fc.boolean(),
    keepRows: fc.boolean(),
    target: fc.constantFrom('row', 'token'),
    targetWords: fc.constantFrom(1, 3),
  })
  .map(({ shards, inner, isEven, keepRows, target, targetWords }) => {
    const teams = inner.length + 1;
    const bounds = isEven
      ? evenBounds(teams)
      : Float64Array.from([0, ...inner.sort((a, b) => a - b), 1]);
    return { shards, teams, keepRows, target, targetWords, bounds };
  });

/** Equal shares. */
export function evenBounds(teams: number): Float64Array {
  return Float64Array.from({ length: teams + 1 }, (_, team) => team / teams);
}

/** Rows of `minLength` to `maxLength` tokens. */
function tokenIds(minLength: number, maxLength: number): fc.Arbitrary<number[]> {
  return fc.array(fc.integer({ min: 0, max: VOCABULARY - 1 }), { minLength, maxLength });
}

/** The sources of a batch's rows: short ones of long rows as well as long ones. */
export const sourcesOf = (batch: Rows): Rows =>
  batch.map((row, r) =>
    Array.from(
      { length: 1 + ((row.length * 7 + 5 * r) % MAX_SOURCE_STEPS) },
      (_, t) => (row[t % row.length]! + t * r) % SOURCE_VOCABULARY,
    ),
  );

/** A batch whose labels and targets tell where they come from. */
export function batchOf(batch: Rows, targetWords = 1): RawBatch {
  const rowStart = new Int32Array(batch.length + 1);
  batch.forEach((row, r) => (rowStart[r + 1] = rowStart[r]! + row.length));
  return {
    rows: batch.length,
    tokens: Int32Array.from(batch.flat()),
    rowStart,
    source: {
      tokens: Int32Array.from(sourcesOf(batch).flat()),
      rowStart: Int32Array.from([0, ...sourcesOf(batch)], (_, r) =>
        sum(sourcesOf(batch.slice(0, r)).map(({ length }) => length)),
      ),
    },
    labels: Int32Array.from({ length: batch.length * targetWords }, (_, word) => 100 + word),
    targets: Int32Array.from(batch.flat(), (_, i) => 1000 + i),
    // That differs from the token, and is the same of several.
    features: [
      Int32Array.from(batch.flat(), (id, i) => (id + (i >> 2)) % FEATURE_VALUES),
      // Spelled by its id and by where it stands: some alike, some longer than others by a letter alone.
      Int32Array.from(
        batch.flat().flatMap((id, i) => [1 + (id % LETTERS), i % 3, i % 3 > 0 ? i % 2 : 0]),
      ),
    ],
  };
}

interface SlotSizes extends Pick<Dealing, 'shards' | 'teams' | 'target' | 'targetWords'> {
  maxRows: number;
  maxTokens: number;
  maxSteps: number;
  vocabulary: number;
}

/** A slot before its first batch: what a layout has to write holds a number that none may contain. */
export function emptyLayout(dealing: Dealing): BatchLayout {
  const rows = { maxRows: MAX_ROWS, maxTokens: MAX_TOKENS, maxSteps: MAX_STEPS };
  const letters = emptySlot({
    ...{ ...dealing, target: 'row', targetWords: 1, vocabulary: LETTERS },
    ...{ maxRows: MAX_TOKENS, maxTokens: MOST_LETTERS * MAX_TOKENS, maxSteps: MOST_LETTERS },
  });
  return {
    ...emptySlot({ ...dealing, ...rows, vocabulary: VOCABULARY }),
    features: [
      emptyDistinct(FEATURE_VALUES, MAX_PLACES, MAX_TOKENS),
      { ...emptyDistinct(MAX_TOKENS, MAX_PLACES, MAX_TOKENS), ...unlisted },
      letters,
    ],
    spellings: [letters],
    ...(dealing.reads && {
      source: emptySlot({
        ...{ ...dealing, target: 'row', targetWords: 0, vocabulary: SOURCE_VOCABULARY },
        ...{ maxRows: MAX_ROWS, maxTokens: MAX_SOURCE_TOKENS, maxSteps: MAX_SOURCE_STEPS },
      }),
    }),
  };
}

const ints = (length: number): Int32Array => new Int32Array(length).fill(-77);

const emptyDistinct = (values: number, places: number, tokens: number): DistinctLayout => ({
  distinctOf: ints(places),
  distinctIds: ints(values),
  distinctStart: ints(values + 1),
  positions: ints(tokens),
  distinctRange: new Int32Array(2),
  distinctIndex: new Int32Array(values).fill(-1),
});

/** Nobody looks spellings up. */
const unlisted = { distinctIds: new Int32Array(0), distinctIndex: new Int32Array(0) };

function emptySlot({ shards, teams, target, targetWords = 1, ...most }: SlotSizes): BatchLayout {
  const { maxRows, maxTokens, maxSteps, vocabulary } = most;
  const places = maxTokens + maxRows;
  return {
    header: new Int32Array(16),
    features: [],
    spellings: [],
    teams: ints(teams * TEAM_FIELDS),
    counts: ints(teams * maxSteps),
    shardTokens: ints(shards + 1),
    shardRows: ints(shards + 1),
    rowStart: ints(maxRows + 1),
    rowSource: ints(maxRows),
    ranked: ints(maxRows),
    order: ints(maxTokens),
    previous: ints(maxTokens),
    runs: ints(maxTokens),
    following: ints(maxTokens),
    reversedRuns: ints(maxTokens),
    numbers: ints(places),
    rowOf: ints(places),
    tokenPlaces: ints(maxTokens),
    reversedPlaces: ints(maxTokens),
    ...emptyDistinct(vocabulary, places, maxTokens),
    sourceRow: new Int32Array(0),
    parents: new Int32Array(0),
    distinctParents: new Int32Array(0),
    parentOf: new Int32Array(0),
    targets: ints(target === 'token' ? places : maxRows * targetWords),
  };
}

export function layouterOf(dealing: Dealing): BatchLayouter {
  return new BatchLayouter(
    {
      ...dealing,
      parts: dealing.teams,
      reverses: true,
      maxSteps: MAX_STEPS,
      initialRow: MAX_PLACES,
      vocabulary: VOCABULARY,
      features: [{ values: FEATURE_VALUES }, { values: LETTERS, letters: MOST_LETTERS }],
      outputs: OUTPUTS,
      compares: 'ids',
      ...(dealing.reads && {
        source: {
          ...{ vocabulary: SOURCE_VOCABULARY, maxTokens: MAX_SOURCE_TOKENS, cost: SOURCE_COST },
          ...{ maxSteps: MAX_SOURCE_STEPS, initialRow: MAX_SOURCE_PLACES, reverses: true },
        },
      }),
    },
    MAX_ROWS,
    MAX_TOKENS,
  );
}

/** The layout of a batch in a fresh slot. */
export function layOut(batch: Rows, dealing: Dealing): BatchLayout {
  const out = emptyLayout(dealing);
  layouterOf(dealing).layOut(batchOf(batch, dealing.targetWords), dealing.bounds, out);
  return out;
}

/** Lengths of the rows in the order in which they were laid out. */
export const lengthsOf = (layout: BatchLayout, batch: Rows): number[] =>
  Array.from(layout.rowSource.subarray(0, batch.length), (source) => batch[source]!.length);

/** Place of the token of a row at step t. */
export const placeOf = (layout: BatchLayout, row: number, t: number): number =>
  layout.tokenPlaces[layout.rowStart[row]! + t]!;

/** Rows and steps of all tokens in the order of sums: shard by shard, step by step, the longest rows first. */
export const tokensInOrder = (
  layout: BatchLayout,
  batch: Rows,
  shards: number,
): { row: number; t: number }[] => {
  const lengths = lengthsOf(layout, batch);
  const steps = Math.max(...lengths);
  return upTo(shards).flatMap((s) => {
    const ranked = upTo(batch.length)
      .slice(layout.shardRows[s], layout.shardRows[s + 1])
      .sort((a, b) => lengths[b]! - lengths[a]! || a - b);
    return upTo(steps).flatMap((t) =>
      ranked.filter((row) => lengths[row]! > t).map((row) => ({ row, t })),
    );
  });
};

export const upTo = (end: number): number[] => Array.from({ length: end }, (_, i) => i);
export const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);
export const sorted = (values: Int32Array): number[] => [...values].sort((a, b) => a - b);

/** The fields of every team, by name. */
export function teamsOf(layout: BatchLayout, teams: number): Record<keyof typeof TEAM, number>[] {
  return upTo(teams).map((team) => {
    const field = (name: keyof typeof TEAM): number =>
      layout.teams[team * TEAM_FIELDS + TEAM[name]]!;
    return {
      place0: field('place0'),
      places: field('places'),
      row0: field('row0'),
      rows: field('rows'),
      steps: field('steps'),
    };
  });
}

const distinctOf = (stream: DistinctLayout, order: Int32Array): DistinctLayout => {
  const distinct = stream.distinctRange[1]!;
  return {
    ...stream,
    distinctOf: order.map((place) => stream.distinctOf[place]!),
    distinctIds: stream.distinctIds.slice(0, distinct),
    distinctStart: stream.distinctStart.slice(0, distinct + 1),
    positions: stream.positions.slice(0, order.length),
  };
};

/** What a layout says about its batch, without what may be left behind it from others. */
export function written(
  layout: BatchLayout,
  { teams, target, targetWords = 1 }: Pick<Dealing, 'teams' | 'target' | 'targetWords'>,
): object {
  const { source } = layout;
  const rowCount = layout.header[HEADER.rows]!;
  const order = layout.order.slice(0, layout.header[HEADER.tokens]);
  const maxSteps = layout.counts.length / teams;
  return {
    ...layout,
    ...distinctOf(layout, order),
    // The last one is part of the batch of spellings.
    features: layout.features.slice(0, 2).map((stream) => distinctOf(stream, order)),
    spellings: layout.spellings.map((each) => written(each, { teams, target: 'row' })),
    ...(source && { source: written(source, { teams, target: 'row', targetWords: 0 }) }),
    counts: teamsOf(layout, teams).map(({ steps }, team) =>
      layout.counts.slice(team * maxSteps, team * maxSteps + steps),
    ),
    order,
    rowStart: layout.rowStart.slice(0, rowCount + 1),
    tokenPlaces: layout.tokenPlaces.slice(0, order.length),
    reversedPlaces: layout.reversedPlaces.slice(0, order.length),
    following: layout.following.slice(0, order.length),
    reversedRuns: layout.reversedRuns.slice(0, order.length),
    numbers: order.map((place) => layout.numbers[place]!),
    rowSource: layout.rowSource.slice(0, rowCount),
    ranked: layout.ranked.slice(0, rowCount),
    previous: layout.previous.slice(0, order.length),
    runs: layout.runs.slice(0, order.length),
    rowOf: order.map((place) => layout.rowOf[place]!),
    targets: (target === 'token' ? [...order] : upTo(rowCount * targetWords)).map(
      (place) => layout.targets[place],
    ),
  };
}

/** Checks a promise on random batches, dealt in random ways. */
export function promise(check: (batch: Rows, dealing: Dealing, layout: BatchLayout) => void): void {
  fc.assert(
    fc.property(rows, dealings, (batch, dealing) => check(batch, dealing, layOut(batch, dealing))),
  );
}
