import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HEADER, type BatchLayout } from '../../../src/model/batch/batch-layout.js';
import {
  MAX_SOURCE_PLACES,
  SOURCE_COST,
  rows,
  dealings,
  lengthsOf,
  placeOf,
  tokensInOrder,
  upTo,
  batchOf,
  sourcesOf,
  emptyLayout,
  evenBounds,
  layouterOf,
  layOut,
  teamsOf,
  written,
  type Dealing,
  type Rows,
} from './random-batches.js';

describe('a source', () => {
  /** Checks a promise on random batches with sources. */
  const promiseOf = (
    check: (sources: Rows, source: BatchLayout, dealing: Dealing, layout: BatchLayout) => void,
  ): void => {
    fc.assert(
      fc.property(rows, dealings, (batch, drawn) => {
        const dealing = { ...drawn, reads: 'source' } as const;
        const layout = layOut(batch, dealing);
        check(sourcesOf(batch), layout.source!, dealing, layout);
      }),
    );
  };

  it('has the rows of its batch, in the same shards and teams', () => {
    promiseOf((sources, source, { teams }, layout) => {
      expect(source.header[HEADER.rows]).toBe(sources.length);
      expect(source.rowSource).toEqual(layout.rowSource);
      expect(source.shardRows).toEqual(layout.shardRows);
      const rowsOf = (of: BatchLayout): object =>
        teamsOf(of, teams).map(({ row0, rows: count }) => ({ row0, count }));
      expect(rowsOf(source)).toEqual(rowsOf(layout));
    });
  });

  it('has a place for each of its tokens, in the order of sums and in steps of its own lengths', () => {
    promiseOf((sources, source, { shards, teams }) => {
      const tokens = tokensInOrder(source, sources, shards);
      const places = tokens.map(({ row, t }) => placeOf(source, row, t));
      expect(new Set(places).size).toBe(sources.flat().length);
      expect(Math.max(...places)).toBeLessThan(MAX_SOURCE_PLACES);
      expect([...source.order.subarray(0, places.length)]).toEqual(places);
      tokens.forEach(({ row, t }, k) => {
        const id = source.distinctIds[source.distinctOf[places[k]!]!];
        expect(id).toBe(sources[source.rowSource[row]!]![t]);
        const before = t === 0 ? MAX_SOURCE_PLACES + row : placeOf(source, row, t - 1);
        expect(source.previous[k]).toBe(before);
      });
      const lengths = lengthsOf(source, sources);
      for (const { row0, rows: count, steps, place0, places: own } of teamsOf(source, teams)) {
        const ranked = [...source.ranked.subarray(row0, row0 + count)];
        const falling = ranked.map((row) => lengths[row]!);
        expect(falling).toEqual(falling.toSorted((a, b) => b - a));
        expect(steps).toBe(falling[0] ?? 0);
        for (const row of ranked) {
          expect(placeOf(source, row, 0)).toBeGreaterThanOrEqual(place0);
          expect(placeOf(source, row, 0)).toBeLessThan(place0 + own);
        }
      }
    });
  });

  it('counts where rows are dealt: teams have their share of the work to within a row, of which its tokens are less', () => {
    promiseOf((sources, source, { teams, bounds }, layout) => {
      const both = (row: number): number =>
        layout.rowStart[row]! + SOURCE_COST * source.rowStart[row]!;
      const lengths = upTo(sources.length).map((row) => both(row + 1) - both(row));
      teamsOf(layout, teams).forEach(({ row0, rows: count }, team) => {
        const share = both(sources.length) * (bounds[team + 1]! - bounds[team]!);
        const taken = both(row0 + count) - both(row0);
        expect(Math.abs(taken - share)).toBeLessThanOrEqual(Math.max(...lengths) + 1e-6);
      });
    });
  });

  it('is laid out the same whatever lay there before', () => {
    fc.assert(
      fc.property(rows, rows, dealings, (former, batch, drawn) => {
        const dealing = { ...drawn, reads: 'source' } as const;
        const [layouter, out] = [layouterOf(dealing), emptyLayout(dealing)];
        for (const each of [former, batch]) {
          layouter.layOut(batchOf(each, dealing.targetWords), dealing.bounds, out);
        }
        expect(written(out, dealing)).toEqual(written(layOut(batch, dealing), dealing));
      }),
    );
  });

  it.each([
    ['with a token that the network does not know', { tokens: [6], rowStart: [0, 1] }, 'token ids'],
    ['without a token', { tokens: [], rowStart: [0, 0] }, 'a source of every row, found an empty'],
  ])('%s is refused', (_, { tokens, rowStart }, message) => {
    const dealing = { shards: 1, teams: 1, bounds: evenBounds(1), keepRows: false } as const;
    const own = { ...dealing, target: 'token', reads: 'source' } as const;
    const source = { tokens: Int32Array.from(tokens), rowStart: Int32Array.from(rowStart) };
    const batch = { ...batchOf([[1, 2]]), source };
    expect(() => layouterOf(own).layOut(batch, own.bounds, emptyLayout(own))).toThrow(
      `the token store is damaged: expected ${message}`,
    );
  });
});
