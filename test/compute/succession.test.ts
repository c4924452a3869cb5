import { beforeEach, describe, expect, it, vi } from 'vitest';
import { checkOptimizer } from '../../src/optimizers/check.js';
import { describeStack } from '../../src/model/graph/stack.js';
import { allocateEngine } from '../../src/compute/allocate-engine.js';
import { openHeap } from '../../src/compute/engine-memory.js';
import { MOST_STEPS, Succession } from '../../src/compute/succession.js';

let succession: Succession;
beforeEach(() => {
  const { heap, plan } = openHeap(
    allocateEngine('reference', {
      shape: describeStack({
        ...{ vocabulary: 5, embedding: { width: 2 }, dropout: 0, predicts: 'row', outputs: 2 },
        layers: [{ kind: 'lstm', hiddenSize: 16 }],
      }),
      ...{ maxRows: 2, maxTokens: 8, maxSteps: 4, parts: 2, teams: 2, shards: 1 },
      ...{ seed: 1, training: true, optimizer: checkOptimizer('adam') },
    }),
  );
  succession = new Succession(heap, plan);
  succession.begin(true);
});

/** What a part that comes to the end of a step is told, and whether it is the one that had the next begin. */
function ask(step: number, isWhole = true): { goesOn: boolean; tells: number } {
  let tells = 0;
  const goesOn = succession.goesOn(
    step,
    () => isWhole,
    () => tells++,
  );
  return { goesOn, tells };
}

describe('parts that have finished a step', () => {
  it('go on with one that is released, and the first of them says so', () => {
    expect(succession.release()).toBe(true);
    expect(succession.begun).toBe(0);
    expect(ask(0)).toEqual({ goesOn: true, tells: 1 });
    expect(succession.begun).toBe(1);
    expect(ask(0)).toEqual({ goesOn: true, tells: 0 });
  });

  it('say whether it had to be waited for', () => {
    // Nobody sleeps where no time goes by.
    const clock = vi.spyOn(performance, 'now').mockReturnValue(0);
    const waits = (looks: number): boolean => {
      const waited: boolean[] = [];
      const isWhole = (): boolean => {
        if (looks-- === 0) succession.release();
        return true;
      };
      expect(succession.goesOn(succession.begun, isWhole, (late) => waited.push(late))).toBe(true);
      return waited[0]!;
    };
    expect(waits(0)).toBe(false);
    expect(waits(100)).toBe(true);
    clock.mockRestore();
  });

  it('go on also when they look after the one behind has been released', () => {
    succession.release();
    ask(0);
    expect(succession.release()).toBe(true);
    expect(ask(0, false)).toEqual({ goesOn: true, tells: 0 });
    expect(succession.begun).toBe(1);
  });

  it('go home where nothing is released for a while, and it is too late then', () => {
    expect(ask(0)).toEqual({ goesOn: false, tells: 0 });
    expect(succession.release()).toBe(false);
    expect(ask(0)).toEqual({ goesOn: false, tells: 0 });
    expect(succession.endsWith(0)).toBe(true);
  });

  it('go home behind one that is not whole, all of them alike', () => {
    succession.release();
    expect(ask(0, false)).toEqual({ goesOn: false, tells: 0 });
    expect(ask(0)).toEqual({ goesOn: false, tells: 0 });
  });

  it('go home where the coordinator takes a release back before they come, not after', () => {
    succession.release();
    ask(0);
    succession.close();
    expect(ask(0)).toEqual({ goesOn: true, tells: 0 });
    expect(ask(1)).toEqual({ goesOn: false, tells: 0 });
  });
});

it('a step that is to be followed by none ends all', () => {
  succession.begin(false);
  expect(succession.endsWith(0)).toBe(true);
  expect(succession.release()).toBe(false);
  succession.close();
  expect(succession.endsWith(0)).toBe(true);
});

it('so many steps follow each other at most', () => {
  let step = 0;
  for (; succession.release(); step++) expect(ask(step).goesOn).toBe(true);
  expect(step).toBe(MOST_STEPS - 1);
  expect(succession.begun).toBe(step);
  expect(succession.endsWith(step)).toBe(true);
});
