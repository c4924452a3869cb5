import { checkOptimizer } from '../../src/optimizers/check.js';
import { beforeEach, describe, expect, it } from 'vitest';
import type { NetworkSizes } from '../../src/model/sizes.js';
import { describeStack } from '../../src/model/graph/stack.js';
import type { Share } from '../../src/model/work/teams.js';
import { allocateEngine } from '../../src/compute/allocate-engine.js';
import { openHeap } from '../../src/compute/engine-memory.js';
import { Meeting } from '../../src/compute/meeting.js';

const sizes: NetworkSizes = {
  shape: describeStack({
    ...{ vocabulary: 5, embedding: { width: 2 }, dropout: 0, predicts: 'row', outputs: 2 },
    layers: [
      { kind: 'lstm', hiddenSize: 16 },
      { kind: 'lstm', hiddenSize: 16 },
    ],
  }),
  ...{ maxRows: 2, maxTokens: 8, maxSteps: 4, parts: 3, teams: 2, shards: 1 },
  ...{ seed: 1, training: true, optimizer: checkOptimizer('adam') },
};

let meeting: Meeting;
beforeEach(() => {
  const { heap, plan } = openHeap(allocateEngine('reference', sizes));
  meeting = new Meeting(heap, plan, sizes);
  meeting.reset();
});

/** Says yes so many times. */
const patience = (times: number) => (): boolean => times-- > 0;

/** A share with `count` meetings, after which `during` is called. */
function* shareOf(count: number, during: (met: number) => void = () => undefined): Share {
  for (let met = 1; met <= count; met++) {
    yield;
    during(met);
  }
}

describe('whoever has finished a phase', () => {
  it('has finished those before it, whatever the attempt', () => {
    meeting.finish(0, 1, 3);
    expect(meeting.phasesDone(0)).toBe(2);
    expect(meeting.hasFinished(0, 0, 0)).toBe(true);
    expect(meeting.hasFinished(0, 1, 3)).toBe(true);
    expect(meeting.hasFinished(0, 2, 0)).toBe(false);
  });

  it('in a former attempt is waited for in the present one', () => {
    for (const part of [0, 1, 2]) meeting.finish(part, 1, 0);
    expect(meeting.awaitAll(1, 0, () => true)).toBe(true);
    meeting.beginAnew();
    expect(meeting.hasFinished(2, 1, meeting.attempt)).toBe(false);
    for (const part of [0, 1]) meeting.finish(part, 1, 1);
    expect(meeting.awaitAll(1, 1, patience(10))).toBe(false);
    meeting.finish(2, 1, 1);
    expect(meeting.awaitAll(1, 1, () => true)).toBe(true);
  });

  it('in the same attempt as all others still does not go on when another has begun', () => {
    for (const part of [0, 1, 2]) meeting.finish(part, 1, 0);
    expect(meeting.awaitAll(1, 0, () => false)).toBe(false);
  });
});

describe('a part', () => {
  it('without others in its team meets nobody', () => {
    const met: number[] = [];
    expect(
      meeting.attend(
        shareOf(3, (n) => met.push(n)),
        0,
        0,
      ),
    ).toBe(true);
    expect(met).toEqual([1, 2, 3]);
  });

  it('leaves its share when another attempt begins', () => {
    const met: number[] = [];
    const share = shareOf(3, (n) => {
      met.push(n);
      meeting.beginAnew();
    });
    expect(meeting.attend(share, 0, 0)).toBe(false);
    expect(met).toEqual([1]);
  });

  it('of a team does not begin another attempt before all of the team have come', () => {
    meeting.beginAnew();
    const present = meeting.attempt;
    let begun = false;
    function* share(): Share {
      begun = true;
      yield;
    }
    // Nobody else ever comes: the next attempt ends the waiting.
    meeting.beginAnew();
    expect(meeting.attend(share(), 1, present)).toBe(false);
    expect(begun).toBe(false);
  });
});

it('abandoned work stays abandoned, whoever dies after that', () => {
  meeting.abandon();
  const { attempt } = meeting;
  meeting.beginAnew();
  expect(meeting.attempt).toBe(attempt);
});
