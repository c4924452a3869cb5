import fc from 'fast-check';
import {
  BatchLayouter,
  TEAM,
  TEAM_FIELDS,
  type BatchLayout,
} from '../../../src/model/batch/batch-layout.js';
import type { DistinctLayout } from '../../../src/model/batch/distinct-layout.js';
import type { RawBatch } from '../../../src/model/batch/raw-batch.js';
import type { SpellingLayout } from '../../../src/model/batch/spelling.js';

export const VOCABULARY = 9;
/** Of one feature of tokens; the other is how they are spelled. */
const FEATURE_VALUES = 5;
export const LETTERS = 4;
export const MOST_LETTERS = 3;
/** Above every label and target of `batchOf`. */
export const OUTPUTS = 2000;
const MAX_ROWS = 24;
export const MAX_STEPS = 19;
export const MAX_TOKENS = MAX_ROWS * MAX_STEPS;
/** Every row may be followed by an empty place. */
export const MAX_PLACES = MAX_TOKENS + MAX_ROWS;

export interface Dealing {
  shards: number;
  teams: number;
  keepRows: boolean;
  target: 'row' | 'token';
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
  })
  .map(({ shards, inner, isEven, keepRows, target }) => {
    const teams = inner.length + 1;
    const bounds = isEven
      ? evenBounds(teams)
      : Float64Array.from([0, ...inner.sort((a, b) => a - b), 1]);
    return { shards, teams, keepRows, target, bounds };
  });

/** Equal shares. */
export function evenBounds(teams: number): Float64Array {
  return Float64Array.from({ length: teams + 1 }, (_, team) => team / teams);
}

/** Rows of `minLength` to `maxLength` tokens. */
function tokenIds(minLength: number, maxLength: number): fc.Arbitrary<number[]> {
  return fc.array(fc.integer({ min: 0, max: VOCABULARY - 1 }), { minLength, maxLength });
}

/** A batch whose labels and targets tell where they come from. */
export function batchOf(batch: Rows): RawBatch {
  const rowStart = new Int32Array(batch.length + 1);
  batch.forEach((row, r) => (rowStart[r + 1] = rowStart[r]! + row.length));
  return {
    rows: batch.length,
    tokens: Int32Array.from(batch.flat()),
    rowStart,
    labels: Int32Array.from(batch, (_, r) => 100 + r),
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

/** A slot before its first batch: what a layout has to write holds a number that none may contain. */
export function emptyLayout({ shards, teams, target }: Dealing): BatchLayout {
  const ints = (length: number): Int32Array => new Int32Array(length).fill(-77);
  const distinct = (values: number, places: number, tokens: number): DistinctLayout => ({
    distinctOf: ints(places),
    distinctIds: ints(values),
    distinctStart: ints(values + 1),
    positions: ints(tokens),
    distinctRange: new Int32Array(2),
    distinctIndex: new Int32Array(values).fill(-1),
  });
  return {
    header: new Int32Array(16),
    features: [
      distinct(FEATURE_VALUES, MAX_PLACES, MAX_TOKENS),
      distinct(MAX_TOKENS, MAX_PLACES, MAX_TOKENS),
      distinct(LETTERS, MOST_LETTERS * MAX_TOKENS, MOST_LETTERS * MAX_TOKENS),
    ],
    spellings: [
      {
        letterStart: ints(MAX_TOKENS + 1),
        letterRange: new Int32Array(2),
        letterPlaces: ints(MOST_LETTERS * MAX_TOKENS),
        letterBefore: ints(MOST_LETTERS * MAX_TOKENS),
        letterBehind: ints(MOST_LETTERS * MAX_TOKENS),
      },
    ],
    teams: ints(teams * TEAM_FIELDS),
    counts: ints(teams * MAX_STEPS),
    shardTokens: ints(shards + 1),
    shardRows: ints(shards + 1),
    rowStart: ints(MAX_ROWS + 1),
    rowSource: ints(MAX_ROWS),
    ranked: ints(MAX_ROWS),
    order: ints(MAX_TOKENS),
    previous: ints(MAX_TOKENS),
    runs: ints(MAX_TOKENS),
    following: ints(MAX_TOKENS),
    reversedRuns: ints(MAX_TOKENS),
    numbers: ints(MAX_PLACES),
    rowOf: ints(MAX_PLACES),
    tokenPlaces: ints(MAX_TOKENS),
    reversedPlaces: ints(MAX_TOKENS),
    ...distinct(VOCABULARY, MAX_PLACES, MAX_TOKENS),
    targets: ints(target === 'token' ? MAX_PLACES : MAX_ROWS),
  };
}

export function layouterOf(dealing: Dealing): BatchLayouter {
  return new BatchLayouter(
    {
      ...dealing,
      reverses: true,
      maxSteps: MAX_STEPS,
      initialRow: MAX_PLACES,
      vocabulary: VOCABULARY,
      features: [{ values: FEATURE_VALUES }, { values: LETTERS, letters: MOST_LETTERS }],
      outputs: OUTPUTS,
      compares: 'ids',
    },
    MAX_ROWS,
    MAX_TOKENS,
  );
}

/** The layout of a batch in a fresh slot. */
export function layOut(batch: Rows, dealing: Dealing): BatchLayout {
  const out = emptyLayout(dealing);
  layouterOf(dealing).layOut(batchOf(batch), dealing.bounds, out);
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
  return upTo(shards).flatMap((s) => {
    const ranked = upTo(batch.length)
      .slice(layout.shardRows[s], layout.shardRows[s + 1])
      .sort((a, b) => lengths[b]! - lengths[a]! || a - b);
    return upTo(MAX_STEPS).flatMap((t) =>
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
export function written(layout: BatchLayout, batch: Rows, { teams, target }: Dealing): object {
  const rowCount = batch.length;
  const order = layout.order.slice(0, batch.flat().length);
  const [spelled] = layout.spellings as [SpellingLayout];
  const letters = spelled.letterPlaces.slice(0, spelled.letterRange[1]);
  return {
    ...layout,
    ...distinctOf(layout, order),
    features: layout.features.map((stream, i) => distinctOf(stream, i < 2 ? order : letters)),
    spellings: [
      {
        letterStart: spelled.letterStart.slice(0, layout.features[1]!.distinctRange[1]! + 1),
        letterRange: spelled.letterRange,
        letterPlaces: letters,
        letterBefore: spelled.letterBefore.slice(0, letters.length),
        letterBehind: spelled.letterBehind.slice(0, letters.length),
      },
    ],
    counts: teamsOf(layout, teams).map(({ steps }, team) =>
      layout.counts.slice(team * MAX_STEPS, team * MAX_STEPS + steps),
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
    targets: (target === 'token' ? [...order] : upTo(rowCount)).map(
      (place) => layout.targets[place],
    ),
  };
}
