import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { HEADER, type BatchLayout } from '../../../src/model/batch/batch-layout.js';
import { checkBatch, type RawBatch } from '../../../src/model/batch/raw-batch.js';
import {
  MAX_PLACES,
  MAX_ROWS,
  MAX_SOURCE_STEPS,
  MAX_STEPS,
  rows,
  dealings,
  lengthsOf,
  placeOf,
  tokensInOrder,
  upTo,
  sum,
  sorted,
  batchOf,
  emptyLayout,
  evenBounds,
  layouterOf,
  layOut,
  promise,
  teamsOf,
  written,
} from './random-batches.js';

describe('every row and token', () => {
  it('is laid out once, with its own tokens and its label or targets', () => {
    promise((batch, { keepRows, target, targetWords: words = 1 }, layout) => {
      const raw = batchOf(batch, words);
      const sources = layout.rowSource.subarray(0, batch.length);
      expect(sorted(sources)).toEqual(upTo(batch.length));
      if (keepRows) expect([...sources]).toEqual(upTo(batch.length));
      sources.forEach((source, row) => {
        const places = upTo(batch[source]!.length).map((t) => placeOf(layout, row, t));
        const ids = places.map((place) => layout.distinctIds[layout.distinctOf[place]!]);
        expect(ids).toEqual(batch[source]);
        for (const place of places) expect(layout.rowOf[place]).toBe(row);
        if (target === 'token') {
          const first = raw.rowStart[source]!;
          const targets = [...raw.targets.slice(first, first + places.length)];
          expect(places.map((place) => layout.targets[place])).toEqual(targets);
        } else {
          const of = (array: Int32Array, at: number): number[] => [
            ...array.subarray(at * words, (at + 1) * words),
          ];
          expect(of(layout.targets, row)).toEqual(of(raw.labels, source));
        }
      });
      const tokens = batch.flat().length;
      expect(layout.header[HEADER.rows]).toBe(batch.length);
      expect(layout.header[HEADER.tokens]).toBe(tokens);
      expect(layout.header[HEADER.targets]).toBe(target === 'token' ? tokens : batch.length);
    });
  });

  it('has a place of its own and a number in the order of sums', () => {
    promise((batch, { shards }, layout) => {
      const tokens = tokensInOrder(layout, batch, shards);
      const places = tokens.map(({ row, t }) => placeOf(layout, row, t));
      expect([...layout.order.subarray(0, places.length)]).toEqual(places);
      expect(places.map((place) => layout.numbers[place])).toEqual(upTo(places.length));
      expect(new Set(places).size).toBe(batch.flat().length);
      expect(Math.max(...places)).toBeLessThan(MAX_PLACES);
    });
  });

  it('knows the token before it, and the first of a row its initial state', () => {
    promise((batch, { shards }, layout) => {
      const before = tokensInOrder(layout, batch, shards).map(({ row, t }) =>
        t === 0 ? MAX_PLACES + row : placeOf(layout, row, t - 1),
      );
      expect([...layout.previous.subarray(0, before.length)]).toEqual(before);
    });
  });
});

describe('a damaged batch', () => {
  const alone = { shards: 1, teams: 1, bounds: evenBounds(1) };
  const sentence = (what: string): RegExp =>
    new RegExp(`^the token store is damaged: expected ${what}; delete it`);

  it.each([
    ['a token', 'row', { tokens: [3, 9] }, sentence('token ids below 9, found 9')],
    ['a token', 'token', { tokens: [-1, 3] }, sentence('token ids below 9, found -1')],
    ['a next token', 'token', { targets: [1, 2000] }, sentence('token ids below 2000, found 2000')],
    ['a class', 'row', { labels: [5000] }, sentence('class ids below 2000, found 5000')],
    ['rows at all', 'token', { rows: 0 }, /^a batch has no rows$/],
  ] as const)('without %s that the network knows is refused', (_, target, damage, message) => {
    const dealing = { ...alone, keepRows: target === 'token', target };
    const batch = { ...batchOf([[1, 2]]), ...damage } as RawBatch;
    expect(() => layouterOf(dealing).layOut(batch, dealing.bounds, emptyLayout(dealing))).toThrow(
      message,
    );
  });
});

it('a set with labels that the network does not know is refused', () => {
  const known = { target: 'row', vocabulary: 9, outputs: 40, compares: 'sets' } as const;
  const check = (...labels: number[]) => {
    const batch = { ...batchOf([[1], [2]]), labels: Int32Array.from(labels), features: [] };
    checkBatch(batch, { ...known, targetWords: 2 });
  };
  check(-1, 0xff, 0, 1);
  expect(() => check(-1, 0xff, 0, 0x1ff)).toThrow('expected sets of 40 labels, found one with');
});

describe('runs', () => {
  it('tell how far tokens, and those before them, lie one behind the other', () => {
    promise((batch, _, { order, previous, runs }) => {
      const tokens = batch.flat().length;
      for (const k of upTo(tokens)) {
        const goesOn = (i: number): boolean =>
          i < tokens && order[i] === order[k]! + i - k && previous[i] === previous[k]! + i - k;
        const run = upTo(runs[k]!).map((i) => k + i);
        expect(run.every(goesOn)).toBe(true);
        expect(goesOn(k + runs[k]!)).toBe(false);
      }
    });
  });
});

describe('rows that are read backwards', () => {
  it('have their places from the last to the first', () => {
    promise((batch, _, { rowStart, tokenPlaces, reversedPlaces }) => {
      for (const row of upTo(batch.length)) {
        const places = tokenPlaces.slice(rowStart[row], rowStart[row + 1]);
        expect(reversedPlaces.slice(rowStart[row], rowStart[row + 1])).toEqual(places.reverse());
      }
    });
  });

  it('follow the token behind each one, the last one of a row the state at its start', () => {
    promise((batch, { shards }, layout) => {
      const lengths = lengthsOf(layout, batch);
      tokensInOrder(layout, batch, shards).forEach(({ row, t }, k) => {
        const isLast = t + 1 === lengths[row];
        expect(layout.following[k]).toBe(isLast ? MAX_PLACES + row : placeOf(layout, row, t + 1));
      });
    });
  });

  it('tell how far tokens, and those behind them, lie one behind the other', () => {
    promise((batch, _, { order, following, reversedRuns }) => {
      const tokens = batch.flat().length;
      for (const k of upTo(tokens)) {
        const goesOn = (i: number): boolean =>
          i < tokens && order[i] === order[k]! + i - k && following[i] === following[k]! + i - k;
        expect(upTo(reversedRuns[k]!).every((i) => goesOn(k + i))).toBe(true);
        expect(goesOn(k + reversedRuns[k]!)).toBe(false);
      }
    });
  });
});

describe('blocks', () => {
  it('hold the tokens that a shard and a team have in common, one behind the other as sums take them', () => {
    promise((batch, { shards, teams }, layout) => {
      const tokens = tokensInOrder(layout, batch, shards);
      for (const { row0, rows: count, place0, places } of teamsOf(layout, teams)) {
        let place = place0;
        for (const s of upTo(shards)) {
          const block = tokens.filter(
            ({ row }) =>
              row >= Math.max(row0, layout.shardRows[s]!) &&
              row < Math.min(row0 + count, layout.shardRows[s + 1]!),
          );
          for (const { row, t } of block) expect(placeOf(layout, row, t)).toBe(place++);
          if (block.length >= 16 && block.length % 2 === 0) place++;
        }
        expect(place).toBe(place0 + places);
      }
    });
  });

  it('of an even number of 16 or more places are followed by an empty one', () => {
    const batch = [14, 15, 16, 17].map((length) => new Array<number>(length).fill(3));
    const layout = layOut(batch, {
      shards: 4,
      teams: 2,
      keepRows: true,
      target: 'token',
      bounds: evenBounds(2),
    });
    expect(upTo(4).map((row) => placeOf(layout, row, 0))).toEqual([0, 14, 29, 46]);
    expect(teamsOf(layout, 2).map(({ places }) => places)).toEqual([29, 34]);
  });

  it('have a valid class, token and number at their empty places, whatever lay there before', () => {
    fc.assert(
      fc.property(rows, rows, dealings, (former, batch, dealing) => {
        const layouter = layouterOf({ ...dealing, target: 'token' });
        const out = emptyLayout({ ...dealing, target: 'token' });
        layouter.layOut(batchOf(former, dealing.targetWords), dealing.bounds, out);
        layouter.layOut(batchOf(batch, dealing.targetWords), dealing.bounds, out);
        const last = teamsOf(out, dealing.teams).at(-1)!;
        const full = new Set(out.order.subarray(0, batch.flat().length));
        for (const place of upTo(last.place0 + last.places).filter((p) => !full.has(p))) {
          expect(out.targets[place]).toBe(0);
          expect(out.numbers[place]).toBe(0);
          expect(out.rowOf[place]).toBe(0);
          expect(out.distinctOf[place]).toBe(0);
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

  it('and the order of rows and tokens are the same for any number of teams', () => {
    promise((batch, dealing, layout) => {
      const alone = layOut(batch, { ...dealing, teams: 1, bounds: evenBounds(1) });
      const fields = ['rowSource', 'rowStart', 'shardRows', 'shardTokens', 'distinctIds'] as const;
      for (const field of fields) expect(layout[field]).toEqual(alone[field]);
      // Only where tokens lie depends on the teams, and not which comes when.
      const visited = (each: BatchLayout): object => {
        const tokens = [...each.order.subarray(0, batch.flat().length)];
        const numbersOf = (places: Int32Array): number[] =>
          [...places.subarray(0, tokens.length)].map((place) => each.numbers[place]!);
        return {
          ids: tokens.map((place) => each.distinctOf[place]),
          rows: tokens.map((place) => each.rowOf[place]),
          targets: dealing.target === 'token' && tokens.map((place) => each.targets[place]),
          positions: numbersOf(each.positions),
        };
      };
      expect(visited(layout)).toEqual(visited(alone));
    });
  });
});

describe('a batch', () => {
  it('is laid out without sorting, which would allocate a number for each row or spelling', () => {
    const arrays = Object.getPrototypeOf(Int32Array.prototype) as Int32Array;
    const sort = vi.spyOn(arrays, 'sort');
    try {
      promise(() => undefined);
      expect(sort).not.toHaveBeenCalled();
    } finally {
      sort.mockRestore();
    }
  });
});

describe('a slot', () => {
  it('holds the same batch the same way, whatever batches lay there before', () => {
    fc.assert(
      fc.property(fc.array(rows, { minLength: 1, maxLength: 3 }), dealings, (batches, dealing) => {
        const layouter = layouterOf(dealing);
        const out = emptyLayout(dealing);
        for (const batch of batches) {
          layouter.layOut(batchOf(batch, dealing.targetWords), dealing.bounds, out);
          expect(written(out, dealing)).toEqual(written(layOut(batch, dealing), dealing));
        }
      }),
    );
  });

  it('takes no batch that it has no room for: what is over would be left out in silence', () => {
    const dealing = {
      ...fc.sample(dealings, { numRuns: 1, seed: 1 })[0]!,
      reads: 'source',
    } as const;
    const full: number[][] = upTo(MAX_ROWS).map(() => [0]);
    const longest: number[][] = [upTo(MAX_STEPS).map(() => 0)];
    const lay = (batch: RawBatch): void =>
      layouterOf(dealing).layOut(batch, dealing.bounds, emptyLayout(dealing));
    const of = (batch: number[][]): RawBatch => batchOf(batch, dealing.targetWords);
    lay(of(full));
    lay(of(longest));
    expect(() => lay(of([...full, [0]]))).toThrow('no room');
    expect(() => lay(of([[...longest[0]!, 0]]))).toThrow('no room');
    const tokens = new Int32Array(MAX_SOURCE_STEPS + 1);
    const source = { tokens, rowStart: Int32Array.of(0, tokens.length) };
    expect(() => lay({ ...of([[0]]), source })).toThrow('no room');
  });
});
