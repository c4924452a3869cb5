import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  BatchLayouter,
  HEADER,
  PART,
  PART_FIELDS,
  type BatchLayout,
  type RawBatch,
} from '../../src/model/batch-layout.js';

const VOCABULARY = 9;
const MAX_ROWS = 24;
const MAX_STEPS = 19;
const MAX_TOKENS = MAX_ROWS * MAX_STEPS;
/** Every row may be followed by an empty place. */
const MAX_PLACES = MAX_TOKENS + MAX_ROWS;

interface Dealing {
  shards: number;
  parts: number;
  keepRows: boolean;
}

/** Token ids of each row. */
type Rows = number[][];

/** Rows on either side of the length from which they take an odd number of places, and short ones. */
const rows: fc.Arbitrary<Rows> = fc.array(
  fc.oneof(tokenIds(1, 8), tokenIds(14, MAX_STEPS), tokenIds(16, 16)),
  { minLength: 1, maxLength: MAX_ROWS },
);
const dealings: fc.Arbitrary<Dealing> = fc.record({
  shards: fc.constantFrom(1, 2, 4, 16),
  parts: fc.integer({ min: 1, max: 9 }),
  keepRows: fc.boolean(),
});

/** Rows of `minLength` to `maxLength` tokens. */
function tokenIds(minLength: number, maxLength: number): fc.Arbitrary<number[]> {
  return fc.array(fc.integer({ min: 0, max: VOCABULARY - 1 }), { minLength, maxLength });
}

/** A batch whose labels and targets tell where they come from. */
function batchOf(batch: Rows): RawBatch {
  const rowStart = new Int32Array(batch.length + 1);
  batch.forEach((row, r) => (rowStart[r + 1] = rowStart[r]! + row.length));
  return {
    rows: batch.length,
    tokens: Int32Array.from(batch.flat()),
    rowStart,
    labels: Int32Array.from(batch, (_, r) => 100 + r),
    targets: Int32Array.from(batch.flat(), (_, i) => 1000 + i),
  };
}

function emptyLayout({ shards, parts, keepRows }: Dealing): BatchLayout {
  const ints = (length: number): Int32Array => new Int32Array(length).fill(-77);
  return {
    header: new Int32Array(16),
    parts: ints(parts * PART_FIELDS),
    counts: ints(parts * MAX_STEPS),
    shardTokens: ints(shards + 1),
    shardRows: ints(shards + 1),
    rowStart: ints(MAX_ROWS + 1),
    rowSource: ints(MAX_ROWS),
    ranked: ints(MAX_ROWS),
    order: ints(MAX_TOKENS),
    previous: ints(MAX_TOKENS),
    places: Int32Array.from(upTo(MAX_PLACES)),
    distinctOf: ints(MAX_PLACES),
    distinctIds: ints(VOCABULARY),
    distinctStart: ints(VOCABULARY + 1),
    positions: ints(MAX_TOKENS),
    distinctRange: new Int32Array(2),
    distinctIndex: new Int32Array(VOCABULARY).fill(-1),
    targets: ints(keepRows ? MAX_PLACES : MAX_ROWS),
  };
}

function layouterOf(dealing: Dealing): BatchLayouter {
  return new BatchLayouter({ ...dealing, maxSteps: MAX_STEPS, initialRow: MAX_PLACES }, MAX_ROWS);
}

function layOut(batch: Rows, dealing: Dealing): BatchLayout {
  const out = emptyLayout(dealing);
  layouterOf(dealing).layOut(batchOf(batch), out);
  return out;
}

/** Lengths of the rows in the order in which they were laid out. */
const lengthsOf = (layout: BatchLayout, batch: Rows): number[] =>
  Array.from(layout.rowSource.subarray(0, batch.length), (source) => batch[source]!.length);

const upTo = (end: number): number[] => Array.from({ length: end }, (_, i) => i);
const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);
const sorted = (values: Int32Array): number[] => [...values].sort((a, b) => a - b);

function partsOf(layout: BatchLayout, parts: number): Record<keyof typeof PART, number>[] {
  return upTo(parts).map((part) => {
    const field = (name: keyof typeof PART): number =>
      layout.parts[part * PART_FIELDS + PART[name]]!;
    return {
      place0: field('place0'),
      places: field('places'),
      row0: field('row0'),
      rows: field('rows'),
      steps: field('steps'),
    };
  });
}

/** Checks a promise on random batches, dealt in random ways. */
function promise(check: (batch: Rows, dealing: Dealing, layout: BatchLayout) => void): void {
  fc.assert(
    fc.property(rows, dealings, (batch, dealing) => check(batch, dealing, layOut(batch, dealing))),
  );
}

describe('every row and token', () => {
  it('is laid out once, with its own tokens and its label or targets', () => {
    promise((batch, { keepRows }, layout) => {
      const raw = batchOf(batch);
      const sources = layout.rowSource.subarray(0, batch.length);
      expect(sorted(sources)).toEqual(upTo(batch.length));
      if (keepRows) expect([...sources]).toEqual(upTo(batch.length));
      sources.forEach((source, row) => {
        const start = layout.rowStart[row]!;
        const end = start + batch[source]!.length;
        const ids = [...layout.distinctOf.subarray(start, end)].map((d) => layout.distinctIds[d]);
        expect(ids).toEqual(batch[source]);
        if (keepRows) {
          const first = raw.rowStart[source]!;
          const targets = raw.targets.slice(first, first + end - start);
          expect(layout.targets.slice(start, end)).toEqual(targets);
        } else {
          expect(layout.targets[row]).toBe(100 + source);
        }
      });
      const tokens = batch.flat().length;
      expect(layout.header[HEADER.rows]).toBe(batch.length);
      expect(layout.header[HEADER.tokens]).toBe(tokens);
      expect(layout.header[HEADER.targets]).toBe(keepRows ? tokens : batch.length);
    });
  });

  it('has a place of its own, behind those of the tokens before it', () => {
    promise((batch, _, layout) => {
      const places = lengthsOf(layout, batch).flatMap((length, row) => {
        const start = layout.rowStart[row]!;
        expect(start + length).toBeLessThanOrEqual(layout.rowStart[row + 1]!);
        return upTo(length).map((t) => start + t);
      });
      expect([...layout.order.subarray(0, places.length)]).toEqual(places);
      expect(new Set(places).size).toBe(batch.flat().length);
      expect(layout.rowStart[batch.length]).toBeLessThanOrEqual(places.length + batch.length);
    });
  });

  it('knows the token before it, and the first of a row its initial state', () => {
    promise((batch, _, layout) => {
      const before = lengthsOf(layout, batch).flatMap((length, row) =>
        upTo(length).map((t) => (t === 0 ? MAX_PLACES + row : layout.rowStart[row]! + t - 1)),
      );
      expect([...layout.previous.subarray(0, before.length)]).toEqual(before);
    });
  });
});

describe('empty places', () => {
  it('stand behind rows of even length from 16 on, one each', () => {
    const lengths = [1, 2, 14, 15, 16, 17, 18, 19];
    const batch = lengths.map((length) => new Array<number>(length).fill(3));
    const layout = layOut(batch, { shards: 4, parts: 2, keepRows: true });
    const taken = lengths.map((_, row) => layout.rowStart[row + 1]! - layout.rowStart[row]!);
    expect(taken).toEqual([1, 2, 14, 15, 17, 17, 19, 19]);
  });

  it('never let a row of 16 or more take an even number of places', () => {
    promise((batch, _, layout) => {
      lengthsOf(layout, batch).forEach((length, row) => {
        const taken = layout.rowStart[row + 1]! - layout.rowStart[row]!;
        if (length < 16) expect(taken).toBe(length);
        else expect(taken % 2).toBe(1);
        expect(taken - length).toBeLessThanOrEqual(1);
      });
    });
  });

  it('have a valid class as their target, whatever lay there before', () => {
    fc.assert(
      fc.property(rows, rows, dealings, (former, batch, dealing) => {
        const layouter = layouterOf({ ...dealing, keepRows: true });
        const out = emptyLayout({ ...dealing, keepRows: true });
        layouter.layOut(batchOf(former), out);
        layouter.layOut(batchOf(batch), out);
        const full = new Set(out.order.subarray(0, batch.flat().length));
        for (const place of upTo(out.rowStart[batch.length]!).filter((p) => !full.has(p))) {
          expect(out.targets[place]).toBeGreaterThanOrEqual(0);
          expect(out.targets[place]).toBeLessThan(VOCABULARY);
        }
      }),
    );
  });
});

describe('shards', () => {
  it('divide rows and tokens without a gap', () => {
    promise((batch, { shards }, layout) => {
      const { shardRows, shardTokens } = layout;
      const lengths = lengthsOf(layout, batch);
      expect([shardRows[0], shardRows[shards]]).toEqual([0, batch.length]);
      shardRows.forEach((row, s) => {
        expect(row).toBeGreaterThanOrEqual(shardRows[Math.max(0, s - 1)]!);
        expect(shardTokens[s]).toBe(sum(lengths.slice(0, row)));
      });
    });
  });

  it('differ by no more than one row: in tokens where rows are dealt, in rows where they stay', () => {
    promise((batch, { shards, keepRows }, { shardRows, shardTokens }) => {
      const bounds = keepRows ? shardRows : shardTokens;
      const sizes = upTo(shards).map((s) => bounds[s + 1]! - bounds[s]!);
      const row = keepRows ? 1 : Math.max(...batch.map(({ length }) => length));
      expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(row);
    });
  });

  it('and the order of rows and tokens are the same for any number of parts', () => {
    promise((batch, dealing, layout) => {
      const alone = layOut(batch, { ...dealing, parts: 1 });
      // Only who computes which rows, and how they are ranked there, depends on the parts.
      const { parts: p0, counts: c0, ranked: r0, ...one } = alone;
      const { parts: p1, counts: c1, ranked: r1, ...many } = layout;
      expect([p1, c1, r1].map(({ length }) => length > 0)).toEqual([p0, c0, r0].map(() => true));
      expect(many).toEqual(one);
    });
  });
});

describe('parts', () => {
  it('take every row and place once, in order', () => {
    promise((batch, dealing, layout) => {
      let [row, place] = [0, 0];
      for (const part of partsOf(layout, dealing.parts)) {
        expect([part.row0, part.place0]).toEqual([row, place]);
        row += part.rows;
        place += part.places;
        expect(layout.rowStart[row]).toBe(place);
      }
      expect(row).toBe(batch.length);
    });
  });

  it('have their share of the places to within the longest row', () => {
    promise((batch, { parts }, layout) => {
      const taken = batch.map((_, row) => layout.rowStart[row + 1]! - layout.rowStart[row]!);
      const share = sum(taken) / parts;
      for (const { places } of partsOf(layout, parts)) {
        expect(Math.abs(places - share)).toBeLessThanOrEqual(Math.max(...taken));
      }
    });
  });

  it('rank their rows by falling length and count those that run at each step', () => {
    promise((batch, dealing, layout) => {
      const lengths = lengthsOf(layout, batch);
      partsOf(layout, dealing.parts).forEach(({ row0, rows: count, steps }, part) => {
        const ranked = layout.ranked.subarray(row0, row0 + count);
        expect(sorted(ranked)).toEqual(upTo(count).map((r) => row0 + r));
        const ranks = [...ranked].map((row) => lengths[row]!);
        expect(ranks).toEqual([...ranks].sort((a, b) => b - a));
        expect(steps).toBe(ranks[0] ?? 0);
        const counts = layout.counts.subarray(part * MAX_STEPS, part * MAX_STEPS + steps);
        expect([...counts]).toEqual(upTo(steps).map((t) => ranks.filter((n) => n > t).length));
      });
    });
  });
});

describe('distinct tokens', () => {
  it('list every place of every token once, in rising order', () => {
    promise((batch, _, layout) => {
      const distinct = layout.header[HEADER.distinct]!;
      const ids = layout.distinctIds.subarray(0, distinct);
      expect(sorted(ids)).toEqual([...new Set(batch.flat())].sort((a, b) => a - b));
      expect([...layout.distinctRange]).toEqual([0, distinct]);
      expect(layout.distinctStart[0]).toBe(0);
      const order = [...layout.order.subarray(0, batch.flat().length)];
      expect(layout.distinctStart[distinct]).toBe(order.length);
      for (let d = 0; d < distinct; d++) {
        const [start, end] = [layout.distinctStart[d]!, layout.distinctStart[d + 1]!];
        const places = order.filter((place) => layout.distinctOf[place] === d);
        expect([...layout.positions.subarray(start, end)]).toEqual(places);
      }
    });
  });

  it('are found by their ids', () => {
    promise((batch, _, layout) => {
      const present = new Set(batch.flat());
      layout.distinctIndex.forEach((index, id) => {
        if (present.has(id)) expect(layout.distinctIds[index]).toBe(id);
        else expect(index).toBe(-1);
      });
    });
  });
});

describe('a slot', () => {
  it('holds the same batch the same way, whatever batches lay there before', () => {
    fc.assert(
      fc.property(fc.array(rows, { minLength: 1, maxLength: 3 }), dealings, (batches, dealing) => {
        const layouter = layouterOf(dealing);
        const out = emptyLayout(dealing);
        for (const batch of batches) {
          layouter.layOut(batchOf(batch), out);
          expect(written(out, batch, dealing)).toEqual(
            written(layOut(batch, dealing), batch, dealing),
          );
        }
      }),
    );
  });
});

/** What a layout says about its batch, without what may be left behind it from others. */
function written(layout: BatchLayout, batch: Rows, { parts }: Dealing): object {
  const rowCount = batch.length;
  const order = layout.order.slice(0, batch.flat().length);
  const distinct = layout.header[HEADER.distinct]!;
  const isClassify = layout.targets.length === MAX_ROWS;
  return {
    ...layout,
    counts: partsOf(layout, parts).map(({ steps }, part) =>
      layout.counts.slice(part * MAX_STEPS, part * MAX_STEPS + steps),
    ),
    order,
    rowStart: layout.rowStart.slice(0, rowCount + 1),
    rowSource: layout.rowSource.slice(0, rowCount),
    ranked: layout.ranked.slice(0, rowCount),
    previous: layout.previous.slice(0, order.length),
    distinctOf: order.map((place) => layout.distinctOf[place]!),
    distinctIds: layout.distinctIds.slice(0, distinct),
    distinctStart: layout.distinctStart.slice(0, distinct + 1),
    positions: layout.positions.slice(0, order.length),
    targets: layout.targets.slice(0, isClassify ? rowCount : layout.rowStart[rowCount]),
  };
}
