import { describe, expect, it, vi } from 'vitest';
import { describeContract, itHasEqualBits } from './contract.js';
import { amx, compiled } from './implementations.js';
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
import { Workbench } from './workbench.js';

const implementations = [amx, ...compiled];

/**
 * A state that differs from the reference's in its last bits, since tanh does, may be rounded to the other side: then results differ by what
 * bfloat16 leaves out.
 */
const loose = { paired: { tolerance: 2 ** -5 } };
/** Few numbers, of which none lies so near to the middle between two of bfloat16. */
const close = { paired: {} };
/** max(0, …) is exact: so is all that follows from products, and everything that is rounded. */
const exact = { paired: { tolerance: 0 } };

const oneStep: Batch = { lengths: [1, 1, 1, 1, 1], shares: [[0, 5]] };
const twoSteps: Batch = { lengths: [2, 1, 2], shares: [[0, 3]] };
/** Of five panels of units the last one is alone in its pair, and a member's only one. */
const members: Batch = { ...team, members: 3 };
const many: Batch = { lengths: [...ragged.lengths, ...ragged.lengths, 3], shares: [[0, 39]] };

describe('rnn with relu', () => {
  describeContract(
    'recurrence in bfloat16',
    [
      ...[7, 16, 20, 33, 64, 80].flatMap((hidden) => [
        forwardCase(rnnRelu, 'ragged', hidden, ragged, { carried: true, ...exact }),
        forwardCase(rnnRelu, 'ragged', hidden, ragged, { projected: true, ...exact }),
        backwardCase(rnnRelu, 'ragged', hidden, ragged, 'above', exact),
        backwardCase(rnnRelu, 'ragged', hidden, ragged, 'both', { toInitial: true, ...exact }),
      ]),
      forwardCase(rnnRelu, 'ragged', 33, ragged, { shared: true, ...exact }),
      forwardCase(rnnRelu, 'many rows', 80, many, { carried: true, ...exact }),
      backwardCase(rnnRelu, 'many rows', 80, many, 'both', exact),
      forwardCase(rnnRelu, 'a team', 80, members, { carried: true, ...exact }),
      backwardCase(rnnRelu, 'a team', 80, members, 'both', { toInitial: true, ...exact }),
    ],
    implementations,
  );
});

const kinds = [
  ...[lstm, gru, gruOriginal, rnn],
  ...[lstmNormed, gruNormed, rnnNormed, rnnReluNormed],
];
describe.each(kinds)('$name', (kind) => {
  describeContract(
    'recurrence in bfloat16',
    [
      ...[20, 48].flatMap((hidden) => [
        forwardCase(kind, 'one step', hidden, oneStep, { carried: true, ...close }),
        backwardCase(kind, 'two steps', hidden, twoSteps, 'above', close),
        forwardCase(kind, 'ragged', hidden, ragged, { carried: true, ...loose }),
        backwardCase(kind, 'ragged', hidden, ragged, 'last', { toInitial: true, ...loose }),
      ]),
      forwardCase(kind, 'one row', 20, single, { carried: true, projected: true, ...loose }),
      forwardCase(kind, 'an idle share', 20, idle, loose),
      backwardCase(kind, 'an idle share', 20, idle, 'last', { toInitial: true, ...loose }),
      forwardCase(kind, 'a team', 80, members, { projected: true, ...loose }),
      backwardCase(kind, 'a team', 80, members, 'both', { toInitial: true, ...loose }),
    ],
    implementations,
  );

  itHasEqualBits(
    'units go forwards with the same bits whoever computes the others',
    forwardCase(kind, 'alone', 80, ragged, { carried: true, ...loose }),
    forwardCase(kind, 'a team', 80, members, { carried: true, ...loose }),
    implementations,
  );
  itHasEqualBits(
    'units go backwards with the same bits whoever computes the others',
    backwardCase(kind, 'alone', 80, ragged, 'last', { toInitial: true, ...loose }),
    backwardCase(kind, 'a team', 80, members, 'last', { toInitial: true, ...loose }),
    implementations,
  );
});

it('weights in bfloat16 are refused without words for the work', () => {
  const bench = new Workbench(implementations.find(({ missing }) => missing === undefined)!);
  const { backend } = bench;
  const bind = backend.bind.bind(backend);
  vi.spyOn(backend, 'bind').mockImplementation((kernel, operands) =>
    bind(kernel, withoutWords(operands)),
  );
  const step = forwardCase(lstm, 'one step', 20, oneStep, close);
  expect(() => step.prepare(bench)).toThrow('go with words for the work');
});

function withoutWords<O>(operands: O): O {
  const { work } = operands as { work: object };
  return { ...operands, work: { ...work, words: undefined } };
}
