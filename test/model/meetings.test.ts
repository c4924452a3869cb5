import { expect, it } from 'vitest';
import { z } from 'zod';
import { chooseBackend } from '../../src/backend/select.js';
import { planEngine } from '../../src/compute/engine-memory.js';
import { describeLayer, signalsOf } from '../../src/model/graph/describe.js';
import type { NetworkLayer } from '../../src/model/layer.js';
import { LAYERS, layerKind } from '../../src/model/layers/registry.js';
import { TOKENS, type LayerDescription } from '../../src/model/graph/shape.js';
import { checkOptimizer } from '../../src/optimizers/check.js';
import { rawBatch } from '../parity/fixture.js';
import { createDisturbedRunner } from './disturbed-runner.js';
import { ALONE, differingBits, start, trainSteps } from './network-runs.js';
import { diceOf, type Case, type Division } from './random-networks.js';

const compiled = chooseBackend('auto');
const poolings = LAYERS.flatMap(({ kind, place }) => (place === 'pooling' ? [kind] : []));
const vocabulary = 20;
const together: Division = { parts: 3, teams: 1, bounds: Float64Array.of(0, 0.25, 0.75, 1) };

type Layer = readonly [kind: string, given: object, inputs: readonly number[]];

/** A list of layers, each with its options and what it stands on. */
function describe(
  list: readonly Layer[],
  tokens: Parameters<typeof signalsOf>[2] = { vocabulary },
): LayerDescription[] {
  const layers: NetworkLayer[] = [];
  return list.map(([kind, given, inputs], index) => {
    const options = layerKind(kind).options(z).parse(given);
    const description = { kind, name: { module: `${kind}_${index}`, index }, options };
    layers.push(describeLayer(description, signalsOf(layers, inputs, tokens)));
    return { ...description, inputs };
  });
}

/*
 * On the way back `second` leaves its part of the gradient first, each member of a team at its own places, and meets nobody behind that;
 * a pooling adds the gradients of its own rows at places of others, who may not have come so far.
 */
it.each(poolings)(
  'a team has met before %s adds to gradients that another layer has left',
  async (kind) => {
    const layers = describe([
      ['embedding', { width: 12 }, [TOKENS]],
      ['expand', {}, [0]],
      ['dense', { width: 20 }, [1]],
      [kind, {}, [2]],
      ['dense', { width: 18 }, [2]],
      ['mean', {}, [4]],
      ['concatenate', {}, [3, 5]],
      ['dense', { width: 4 }, [6]],
    ]);
    const rows = [5, 1, 9, 3, 7].map((length, row) =>
      Array.from({ length }, (_, t) => (7 * row + 3 * t) % vocabulary),
    );
    const drawn: Case = {
      shape: { vocabulary, layers, loss: { kind: 'softmax', options: {} }, carries: false },
      batches: [rawBatch(rows, [0, 1, 2, 3, 1])],
      divisions: [together],
      seed: 1,
    };
    const expected = await trainSteps(await start(drawn, compiled.kind, ALONE));
    for (let seed = 0; seed < 20; seed++) {
      const divided = await start(drawn, compiled.kind, together, (handle) =>
        createDisturbedRunner(handle, { seed, deaths: 0 }),
      );
      expect(differingBits(await trainSteps(divided), expected), `seed ${seed}`).toBeUndefined();
    }
  },
);

/** Words, and four features of theirs that are spelled, some in many letters: whatever a part has of one, it has more of another. */
const features = [6, 2, 6, 2].map((letters) => ({ values: 9, letters }));

function spelled(read: object): LayerDescription[] {
  const list = features.flatMap((_, i): Layer[] => [
    ['embedding', { width: 6 }, [TOKENS - 1 - i]],
    ['letters', { width: 20, ...read }, [3 * i]],
    ['expand', {}, [3 * i + 1]],
  ]);
  const top = list.length;
  return describe(
    [
      ...list,
      ['concatenate', {}, features.map((_, i) => 3 * i + 2)],
      ['lstm', { hiddenSize: 18 }, [top]],
      ['dense', { width: 4 }, [top + 1]],
    ],
    { vocabulary, features },
  );
}

const classified = { loss: { kind: 'softmax', options: {} }, carries: false };

/*
 * Parts do not meet between the spellings of two features, of which each has rows of its own: one may be at those of the second while
 * another is still amid those of the first.
 */
it('the spellings of features do not disturb each other, whoever is at which', async () => {
  const dice = diceOf(3);
  const lengths = [5, 1, 9, 3, 7];
  const each = (below: number): number[][] =>
    lengths.map((length) => Array.from({ length }, () => dice(below)));
  const batch = rawBatch(each(vocabulary), [], each(4));
  const letters = features.map(({ values, letters: most }) =>
    // The first letters of each word, then none.
    Int32Array.from({ length: batch.tokens.length * most }, (_, i) =>
      i % most <= Math.floor(i / most) % most ? 1 + dice(values) : 0,
    ),
  );
  const apart: Division = { parts: 2, teams: 2, bounds: Float64Array.of(0, 0.4, 1) };
  const layers = spelled({ read: 'convolution', window: 3 });
  const drawn: Case = {
    shape: { vocabulary, features, layers, ...classified },
    batches: [{ ...batch, features: letters }],
    divisions: [apart],
    seed: 1,
  };
  const expected = await trainSteps(await start(drawn, compiled.kind, ALONE));
  for (let pause = 1; pause <= 24; pause++) {
    const divided = await start(drawn, compiled.kind, apart, (handle) =>
      createDisturbedRunner(handle, { seed: pause >> 1, pause, deaths: 0 }),
    );
    expect(differingBits(await trainSteps(divided), expected), `kernel ${pause}`).toBeUndefined();
  }
});

it('the spellings of each feature have buffers of their own for what their layers use one after the other', () => {
  const { buffers } = planEngine('reference', {
    shape: { vocabulary, features, layers: spelled({ read: 'lstm' }), ...classified },
    ...{ parts: 2, teams: 2, shards: 4, seed: 1, training: true },
    ...{ maxRows: 5, maxTokens: 25, maxSteps: 9, optimizer: checkOptimizer('adam') },
  });
  const work = buffers.buffers.flatMap(({ name }) => (name.startsWith('work ') ? [name] : []));
  expect(work).toContain('work gates');
  for (const name of work) {
    expect(
      work.filter((other) => other === name),
      name,
    ).toHaveLength(features.length + 1);
  }
});
