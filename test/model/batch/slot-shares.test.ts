import { expect, it } from 'vitest';
import { TEAM, TEAM_FIELDS } from '../../../src/model/batch/batch-layout.js';
import { SlotView } from '../../../src/model/batch/slot-view.js';
import { allocateEngine } from '../../../src/compute/allocate-engine.js';
import { openHeap } from '../../../src/compute/engine-memory.js';
import { describeStack } from '../../../src/model/graph/stack.js';
import { checkOptimizer } from '../../../src/optimizers/check.js';

it('a part has as much of all places as its team was dealt', () => {
  const { heap, plan } = openHeap(
    allocateEngine('reference', {
      shape: describeStack({
        ...{ vocabulary: 5, embedding: { width: 2 }, dropout: 0, predicts: 'row', outputs: 2 },
        layers: [{ kind: 'lstm', hiddenSize: 16 }],
      }),
      ...{ maxRows: 4, maxTokens: 40, maxSteps: 10, parts: 2, teams: 2, shards: 1 },
      ...{ seed: 1, training: true, optimizer: checkOptimizer('adam') },
    }),
  );
  const view = new SlotView(heap, plan.sizes, plan.slots[0]!, {
    bounds: plan.bounds[0]!,
    divisor: plan.divisors[0]!,
  });
  view.bounds.set([0, 0.5, 1]);
  const teams = heap.flatIndices(plan.slots[0]!.teams);
  [30, 10].forEach((places, team) => {
    teams[team * TEAM_FIELDS + TEAM.place0] = 30 * team;
    teams[team * TEAM_FIELDS + TEAM.places] = places;
  });
  expect([0, 1].map((part) => view.shareOfPlaces(part))).toEqual([0.75, 0.25]);
});
