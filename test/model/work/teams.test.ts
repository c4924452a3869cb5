import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseTeams, firstPart, largestTeam, teamOf } from '../../../src/model/work/teams.js';

describe('teams', () => {
  it('hold every part once, and differ by one member at most', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 70 }), fc.double({ min: 0, max: 1 }), (parts, x) => {
        const sizes = { parts, teams: Math.max(1, Math.round(parts * (Number.isNaN(x) ? 0 : x))) };
        const members = Array.from({ length: sizes.teams }, () => 0);
        for (let part = 0; part < parts; part++) {
          const team = teamOf(sizes, part);
          members[team]!++;
          expect(part).toBeGreaterThanOrEqual(firstPart(sizes, team));
          expect(part).toBeLessThan(firstPart(sizes, team + 1));
        }
        expect(Math.max(...members)).toBe(largestTeam(sizes));
        expect(Math.max(...members) - Math.min(...members)).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe('workers', () => {
  it.each([
    ['work alone when each has rows enough', [650, 650], 640, 16, 16],
    ['work alone when there is only one', [650], 20, 1, 1],
    ['form a few teams for large layers and few rows', [650, 650], 20, 16, 2],
    ['form several when there are more rows', [512, 512], 80, 16, 8],
    ['work alone in small layers, where meetings would take longest', [32], 32, 4, 4],
  ])('%s', (_promise, hidden, rows, parts, teams) => {
    const recurrences = hidden.map((units) => ({
      ...{ units: Math.ceil(units / 16), gates: 4, meetings: 1 },
    }));
    expect(chooseTeams(recurrences, rows, parts)).toBe(teams);
  });
});
