import { expect, test } from 'vitest';
import { Course } from '../../../src/observe/terminal/sparkline.js';

function courseOf(values: readonly number[]): Course {
  const course = new Course();
  values.forEach((value) => course.add(value));
  return course;
}

test('a curve goes from its least value to its greatest', () => {
  expect(courseOf([8, 7, 6, 5, 4, 3, 2, 1]).draw(8)).toBe('█▇▆▅▄▃▂▁');
  expect(courseOf([2, 2, 2]).draw(8)).toBe('▁▁▁');
  expect(courseOf([1, NaN, Infinity, 2]).draw(8)).toBe('▁█');
});

test('there is none of a single point', () => {
  expect(courseOf([1]).draw(8)).toBe('');
});

test('a long one is as wide as it may be, and has all of it', () => {
  const falling = courseOf(Array.from({ length: 100_000 }, (_, i) => -i));
  const drawn = falling.draw(16);
  expect(drawn).toHaveLength(16);
  expect(drawn).toBe(Array.from(drawn).sort().reverse().join(''));
  expect(new Set(drawn).size).toBe(8);
});
