import { expect, it } from 'vitest';
import { quartiles, takeTurns, type Contender } from '../../src/bench/turns.js';

/** Trains as fast as it is told to in each round. */
function contender(name: string, rate: (turn: number) => number): Contender & { turns: number } {
  return {
    ...{ name, turns: 0 },
    turn() {
      return Promise.resolve(rate(this.turns++));
    },
    close: () => Promise.resolve(),
  };
}

it('compares turns that follow each other: what slows a round down slows both, and the ratio stays', async () => {
  const host = (turn: number): number => 1 / (1 + (turn % 3));
  const ours = contender('ours', (turn) => 300 * host(turn));
  const way = contender('way', (turn) => 100 * host(turn));
  const match = await takeTurns([ours], [way], 1);
  expect(match).toMatchObject({ best: 'way', rounds: 7, isSteady: true });
  const { ratio } = match.ours[0]!;
  for (const figure of [ratio.lower, ratio.median, ratio.upper]) expect(figure).toBeCloseTo(3, 9);
});

it('compares with the best way, and gives hopeless ones no further turns', async () => {
  const ways = [contender('slow', () => 50), contender('near', () => 95)];
  const best = contender('best', () => 100);
  const match = await takeTurns([contender('ours', () => 200)], [...ways, best], 1);
  expect(match.best).toBe('best');
  expect(match.ours[0]!.ratio.median).toBe(2);
  expect(ways.map(({ turns }) => turns)).toEqual([3, 7]);
  expect(match.ways['slow']!.median).toBe(50);
});

it('goes on until the median is certain, and says so when it gives up', async () => {
  const uneven = contender('ours', (turn) => (turn < 10 && turn % 2 === 1 ? 150 : 100));
  const match = await takeTurns([uneven], [contender('way', () => 100)], 1);
  expect(match.isSteady).toBe(true);
  expect(match.rounds).toBeGreaterThan(10);
  const never = contender('ours', (turn) => (turn % 2 === 1 ? 200 : 100));
  const unsteady = await takeTurns([never], [contender('way', () => 100)], 1);
  expect(unsteady).toMatchObject({ rounds: 40, isSteady: false });
});

it('quartiles lie between figures in proportion', () => {
  expect(quartiles([4, 1, 3, 2])).toEqual({ lower: 1.75, median: 2.5, upper: 3.25 });
  expect(quartiles([7])).toEqual({ lower: 7, median: 7, upper: 7 });
});
