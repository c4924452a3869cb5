import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HEADER, type BatchLayout } from '../../src/model/batch-layout.js';
import {
  VOCABULARY,
  MAX_PLACES,
  MAX_STEPS,
  rows,
  dealings,
  lengthsOf,
  upTo,
  sum,
  sorted,
  batchOf,
  emptyLayout,
  layouterOf,
  layOut,
  partsOf,
  written,
  type Dealing,
  type Rows,
} from './random-batches.js';

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
