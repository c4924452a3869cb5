import { expect, describe, it } from 'vitest';
import { MAX_STEPS, lengthsOf, promise, sorted, teamsOf, upTo } from './random-batches.js';

describe('teams', () => {
  it('take every row and place once, in order', () => {
    promise((batch, dealing, layout) => {
      let [row, place] = [0, 0];
      for (const team of teamsOf(layout, dealing.teams)) {
        expect([team.row0, team.place0]).toEqual([row, place]);
        row += team.rows;
        place += team.places;
      }
      expect(row).toBe(batch.length);
    });
  });

  it('have their share of the tokens to within the longest row', () => {
    promise((batch, { teams, bounds }, layout) => {
      const longest = Math.max(...batch.map(({ length }) => length));
      teamsOf(layout, teams).forEach(({ row0, rows: count }, team) => {
        const share = batch.flat().length * (bounds[team + 1]! - bounds[team]!);
        const taken = layout.rowStart[row0 + count]! - layout.rowStart[row0]!;
        expect(Math.abs(taken - share)).toBeLessThanOrEqual(longest + 1e-6);
      });
    });
  });

  it('rank their rows by falling length and count those that run at each step', () => {
    promise((batch, dealing, layout) => {
      const lengths = lengthsOf(layout, batch);
      teamsOf(layout, dealing.teams).forEach(({ row0, rows: count, steps }, team) => {
        const ranked = layout.ranked.subarray(row0, row0 + count);
        expect(sorted(ranked)).toEqual(upTo(count).map((r) => row0 + r));
        const ranks = [...ranked].map((row) => lengths[row]!);
        expect(ranks).toEqual([...ranks].sort((a, b) => b - a));
        expect(steps).toBe(ranks[0] ?? 0);
        const counts = layout.counts.subarray(team * MAX_STEPS, team * MAX_STEPS + steps);
        expect([...counts]).toEqual(upTo(steps).map((t) => ranks.filter((n) => n > t).length));
      });
    });
  });
});
