import { expect, test } from 'vitest';
import { decode } from '../../src/decoding/decode.js';
import { GivenText } from '../../src/decoding/given-text.js';

const BOUNDARY = 3;

/** What follows a token, whatever stands before it. */
const chances = [
  [0.25, 0.25, 0.25, 0.25],
  [0.1, 0.2, 0.3, 0.4],
  [0, 0.5, 0.5, 0],
  [0.125, 0.5, 0.25, 0.125],
];

const table = {
  ranks: 0,
  step: (rows: readonly { token: number }[]) =>
    Promise.resolve({
      probabilities: (row: number) => Float64Array.from(chances[rows[row]!.token]!),
    }),
};

test('given texts of any lengths are told token by token, from the boundary to the end', async () => {
  const texts = [[1, 2, 1, BOUNDARY], [BOUNDARY], [2, 1, BOUNDARY]].map(
    (tokens) => new GivenText(tokens),
  );
  await decode(texts, table, BOUNDARY, 2);
  const told = texts.map(({ crossEntropy, correct }) => [Math.exp(-crossEntropy), correct]);
  // Of two that are as likely the first counts as told.
  const expected = [
    [0.5 * 0.3 * 0.5 * 0.4, 3],
    [0.125, 0],
    [0.25 * 0.5 * 0.4, 2],
  ];
  expected.forEach(([probability, correct], i) => {
    expect(told[i]![0]).toBeCloseTo(probability!, 12);
    expect(told[i]![1]).toBe(correct);
  });
});

test('a token that is too unlikely for float32 costs much, but not all', async () => {
  const text = new GivenText([2, 0]);
  await decode([text], table, BOUNDARY);
  expect(text.crossEntropy).toBeCloseTo(Math.log(4) + 149 * Math.LN2, 12);
});
