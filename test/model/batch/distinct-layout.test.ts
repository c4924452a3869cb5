import { describe, expect, it } from 'vitest';
import { HEADER, type BatchLayout } from '../../../src/model/batch/batch-layout.js';
import type { DistinctLayout } from '../../../src/model/batch/distinct-layout.js';
import {
  batchOf,
  lengthsOf,
  MOST_LETTERS,
  placeOf,
  promise,
  sorted,
  upTo,
  type Rows,
} from './random-batches.js';

describe('distinct tokens', () => {
  const streams = (batch: Rows, layout: BatchLayout): [number[], DistinctLayout][] => [
    [batch.flat(), layout],
    [[...batchOf(batch).features![0]!], layout.features[0]!],
  ];

  it('list every place of every token once, and of every value of a feature, in the order of sums', () => {
    promise((batch, _, layout) => {
      for (const [all, stream] of streams(batch, layout)) {
        const distinct = stream.distinctRange[1]!;
        const ids = stream.distinctIds.subarray(0, distinct);
        expect(sorted(ids)).toEqual([...new Set(all)].sort((a, b) => a - b));
        expect([...stream.distinctRange]).toEqual([0, distinct]);
        expect(stream.distinctStart[0]).toBe(0);
        const order = [...layout.order.subarray(0, all.length)];
        expect(stream.distinctStart[distinct]).toBe(order.length);
        for (let d = 0; d < distinct; d++) {
          const [start, end] = [stream.distinctStart[d]!, stream.distinctStart[d + 1]!];
          const places = order.filter((place) => stream.distinctOf[place] === d);
          expect([...stream.positions.subarray(start, end)]).toEqual(places);
        }
      }
    });
  });

  it('are found by their ids', () => {
    promise((batch, _, layout) => {
      for (const [all, stream] of streams(batch, layout)) {
        const present = new Set(all);
        stream.distinctIndex.forEach((index, id) => {
          if (present.has(id)) expect(stream.distinctIds[index]).toBe(id);
          else expect(index).toBe(-1);
        });
      }
    });
  });

  it('stand where the tokens do', () => {
    promise((batch, _, layout) => {
      const { rowStart, features } = batchOf(batch);
      const { distinctIds, distinctOf } = layout.features[0]!;
      lengthsOf(layout, batch).forEach((length, row) => {
        const values = upTo(length).map((t) => distinctIds[distinctOf[placeOf(layout, row, t)]!]);
        const start = rowStart[layout.rowSource[row]!]!;
        expect(values).toEqual([...features![0]!.subarray(start, start + length)]);
      });
    });
  });
});

describe('spellings', () => {
  it('are rows of a batch of their own, once each, letter by letter, and stand where their tokens do', () => {
    promise((batch, _, layout) => {
      const { rowStart, features } = batchOf(batch);
      const spelled = layout.features[1]!;
      const [letters] = layout.spellings as [BatchLayout];
      const found = upTo(spelled.distinctRange[1]!).map((spelling) =>
        [...letters.tokenPlaces.subarray(...letters.rowStart.subarray(spelling, spelling + 2))]
          // Of the letters' numbers 0 is none.
          .map((place) => letters.distinctIds[letters.distinctOf[place]!]! + 1)
          .join(),
      );
      expect(letters.header[HEADER.rows]).toBe(found.length);
      expect(new Set(found).size).toBe(found.length);
      lengthsOf(layout, batch).forEach((length, row) => {
        const first = rowStart[layout.rowSource[row]!]!;
        for (let t = 0; t < length; t++) {
          const begin = (first + t) * MOST_LETTERS;
          const given = [...features![1]!.subarray(begin, begin + MOST_LETTERS)];
          const end = given.indexOf(0);
          expect(found[spelled.distinctOf[placeOf(layout, row, t)]!]).toBe(
            (end < 0 ? given : given.slice(0, end)).join(),
          );
        }
      });
    });
  });
});
