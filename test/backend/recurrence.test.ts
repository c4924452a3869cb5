import { describe } from 'vitest';
import { describeContract, itHasEqualBits } from './contract.js';
import {
  backwardCase,
  forwardCase,
  gru,
  gruNormed,
  gruOriginal,
  idle,
  lstm,
  lstmNormed,
  ragged,
  rnn,
  rnnNormed,
  rnnRelu,
  rnnReluNormed,
  single,
  team,
} from './recurrence-cases.js';
import type { Batch } from './recurrence-layout.js';

const widths = [7, 16, 20, 33, 64];
/** Those that multiply W_hh with the hidden state as it is. */
const plain = [lstm, gru, rnn];
const normed = [lstmNormed, gruNormed, rnnNormed, rnnReluNormed];
describe.each([lstm, gru, gruOriginal, rnn, rnnRelu, ...normed])('$name', (kind) => {
  describeContract('recurrence', [
    ...widths.flatMap((hidden) => [
      forwardCase(kind, 'ragged', hidden, ragged, { carried: true }),
      forwardCase(kind, 'ragged', hidden, ragged, { projected: true }),
      backwardCase(kind, 'ragged', hidden, ragged, 'above'),
      backwardCase(kind, 'ragged', hidden, ragged, 'last'),
      backwardCase(kind, 'ragged', hidden, ragged, 'above', { toInitial: true }),
    ]),
    forwardCase(kind, 'one row', 20, single, {}),
    forwardCase(kind, 'one row', 20, single, { carried: true, projected: true }),
    backwardCase(kind, 'one row', 20, single, 'above'),
    backwardCase(kind, 'one row', 20, single, 'last'),
    backwardCase(kind, 'ragged', 33, ragged, 'both'),
    backwardCase(kind, 'a team', 64, team, 'both', { toInitial: true }),
    forwardCase(kind, 'an idle share', 20, idle, {}),
    backwardCase(kind, 'an idle share', 20, idle, 'last', { toInitial: true }),
    forwardCase(kind, 'a team', 64, team, { carried: true }),
    forwardCase(kind, 'a team', 64, team, { projected: true }),
    backwardCase(kind, 'a team', 64, team, 'above'),
    backwardCase(kind, 'a team', 64, team, 'last', { toInitial: true }),
  ]);

  if (plain.includes(kind)) {
    describeContract('of rows that begin with the same states', [
      ...widths.map((hidden) => forwardCase(kind, 'ragged', hidden, ragged, { shared: true })),
      forwardCase(kind, 'ragged', 33, ragged, { shared: true, projected: true }),
      forwardCase(kind, 'a team', 64, team, { shared: true, projected: true }),
    ]);
    itHasEqualBits(
      'units go on from shared products with the same bits whoever computes the others',
      forwardCase(kind, 'ragged', 64, ragged, { shared: true }),
      forwardCase(kind, 'a team', 64, team, { shared: true }),
    );
  }

  const together: Batch = { lengths: ragged.lengths, shares: [[0, 19]] };
  const apart: Batch = {
    lengths: ragged.lengths,
    shares: [
      [8, 19],
      [0, 1],
      [1, 8],
    ],
  };
  itHasEqualBits(
    'a row goes forwards with the same bits whoever computes the others',
    forwardCase(kind, 'together', 33, together, { carried: true }),
    forwardCase(kind, 'apart', 33, apart, { carried: true }),
  );
  itHasEqualBits(
    'units go forwards with the same bits whoever computes the others',
    forwardCase(kind, 'ragged', 64, ragged, { carried: true }),
    forwardCase(kind, 'a team', 64, team, { carried: true }),
  );
  itHasEqualBits(
    'units go backwards with the same bits whoever computes the others',
    backwardCase(kind, 'ragged', 64, ragged, 'last', { toInitial: true }),
    backwardCase(kind, 'a team', 64, team, 'last', { toInitial: true }),
  );
  itHasEqualBits(
    'a row goes backwards with the same bits whoever computes the others',
    backwardCase(kind, 'together', 33, together, 'above'),
    backwardCase(kind, 'apart', 33, apart, 'above'),
  );
});
