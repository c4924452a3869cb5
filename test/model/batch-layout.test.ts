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
const MAX_STEPS = 12;
const MAX_TOKENS = MAX_ROWS * MAX_STEPS;

interface Dealing {
  shards: number;
  parts: number;
  keepRows: boolean;
}

/** Token ids of each row. */
type Rows = number[][];

const rows: fc.Arbitrary<Rows> = fc.array(
  fc.array(fc.integer({ min: 0, max: VOCABULARY - 1 }), { minLength: 1, maxLength: MAX_STEPS }),
  { minLength: 1, maxLength: MAX_ROWS },
);
const dealings: fc.Arbitrary<Dealing> = fc.record({
  shards: fc.constantFrom(1, 2, 4, 16),
  parts: fc.integer({ min: 1, max: 9 }),
  keepRows: fc.boolean(),
});

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
    previous: ints(MAX_TOKENS),
    places: ints(MAX_TOKENS),
    distinctOf: ints(MAX_TOKENS),
    distinctIds: ints(VOCABULARY),
    distinctStart: ints(VOCABULARY + 1),
    positions: ints(MAX_TOKENS),
    distinctRange: new Int32Array(2),
    distinctIndex: new Int32Array(VOCABULARY).fill(-1),
    targets: ints(keepRows ? MAX_TOKENS : MAX_ROWS),
  };
}

function layouterOf(dealing: Dealing): BatchLayouter {
  return new BatchLayouter({ ...dealing, maxSteps: MAX_STEPS, initialRow: MAX_TOKENS }, MAX_ROWS);
}

function layOut(batch: Rows, dealing: Dealing): BatchLayout {
  const out = emptyLayout(dealing);
  layouterOf(dealing).layOut(batchOf(batch), out);
  return out;
}

/** Lengths of the rows in the order in which they were laid out. */
const lengthsOf = (layout: BatchLayout, count: number): number[] =>
  Array.from({ length: count }, (_, row) => layout.rowStart[row + 1]! - layout.rowStart[row]!);

const upTo = (end: number): number[] => Array.from({ length: end }, (_, i) => i);
const sorted = (values: Int32Array): number[] => [...values].sort((a, b) => a - b);

function partsOf(layout: BatchLayout, parts: number): Record<keyof typeof PART, number>[] {
  return upTo(parts).map((part) => {
    const field = (name: keyof typeof PART): number =>
      layout.parts[part * PART_FIELDS + PART[name]]!;
    return {
      token0: field('token0'),
      tokens: field('tokens'),
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
        const [start, end] = [layout.rowStart[row]!, layout.rowStart[row + 1]!];
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

  it('knows the token before it, and the first of a row its initial state', () => {
    promise((batch, _, layout) => {
      lengthsOf(layout, batch.length).forEach((length, row) => {
        const start = layout.rowStart[row]!;
        const before = upTo(length).map((t) => (t === 0 ? MAX_TOKENS + row : start + t - 1));
        expect([...layout.previous.subarray(start, start + length)]).toEqual(before);
      });
      const tokens = batch.flat().length;
      expect([...layout.places.subarray(0, tokens)]).toEqual(upTo(tokens));
    });
  });
});

describe('shards', () => {
  it('divide rows and tokens without a gap', () => {
    promise((batch, { shards }, layout) => {
      const { shardRows, shardTokens, rowStart } = layout;
      expect([shardRows[0], shardRows[shards]]).toEqual([0, batch.length]);
      shardRows.forEach((row, s) => {
        expect(row).toBeGreaterThanOrEqual(shardRows[Math.max(0, s - 1)]!);
        expect(shardTokens[s]).toBe(rowStart[row]);
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
  it('take every row and token once, in order', () => {
    promise((batch, dealing, layout) => {
      let [row, token] = [0, 0];
      for (const part of partsOf(layout, dealing.parts)) {
        expect([part.row0, part.token0]).toEqual([row, token]);
        row += part.rows;
        token += part.tokens;
        expect(layout.rowStart[row]).toBe(token);
      }
      expect([row, token]).toEqual([batch.length, batch.flat().length]);
    });
  });

  it('have their share of the tokens to within the longest row', () => {
    promise((batch, { parts, ...dealing }) => {
      const longest = Math.max(...batch.map(({ length }) => length));
      const share = batch.flat().length / parts;
      for (const { tokens } of partsOf(layOut(batch, { parts, ...dealing }), parts)) {
        expect(Math.abs(tokens - share)).toBeLessThanOrEqual(longest);
      }
    });
  });

  it('rank their rows by falling length and count those that run at each step', () => {
    promise((batch, dealing, layout) => {
      const lengths = lengthsOf(layout, batch.length);
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
      expect(layout.distinctStart[distinct]).toBe(batch.flat().length);
      for (let d = 0; d < distinct; d++) {
        const [start, end] = [layout.distinctStart[d]!, layout.distinctStart[d + 1]!];
        const places = upTo(batch.flat().length).filter((place) => layout.distinctOf[place] === d);
        expect([...layout.positions.subarray(start, end)]).toEqual(places);
      }
    });
  });

  it('are found by their ids, and nothing is left of batches that lay there before', () => {
    fc.assert(
      fc.property(fc.array(rows, { minLength: 1, maxLength: 4 }), dealings, (batches, dealing) => {
        const layouter = layouterOf(dealing);
        const out = emptyLayout(dealing);
        for (const batch of batches) {
          layouter.layOut(batchOf(batch), out);
          const present = new Set(batch.flat());
          out.distinctIndex.forEach((index, id) => {
            if (present.has(id)) expect(out.distinctIds[index]).toBe(id);
            else expect(index).toBe(-1);
          });
        }
      }),
    );
  });
});
