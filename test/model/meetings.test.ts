import { expect, it } from 'vitest';
import { z } from 'zod';
import { chooseBackend } from '../../src/backend/select.js';
import { describeLayer, signalsOf } from '../../src/model/describe.js';
import type { NetworkLayer } from '../../src/model/layer.js';
import { LAYERS, layerKind } from '../../src/model/layers/registry.js';
import { TOKENS, type LayerDescription } from '../../src/model/shape.js';
import { rawBatch } from '../parity/fixture.js';
import { createDisturbedRunner } from './disturbed-runner.js';
import { ALONE, differingBits, start, trainSteps } from './network-runs.js';
import type { Case, Division } from './random-networks.js';

const compiled = chooseBackend('auto');
const poolings = LAYERS.flatMap(({ kind, place }) => (place === 'pooling' ? [kind] : []));
const vocabulary = 20;
const together: Division = { parts: 3, teams: 1, bounds: Float64Array.of(0, 0.25, 0.75, 1) };

/** A list of layers, each with its options and what it stands on. */
function describe(
  list: readonly [kind: string, given: object, inputs: readonly number[]][],
): LayerDescription[] {
  const layers: NetworkLayer[] = [];
  return list.map(([kind, given, inputs], index) => {
    const options = layerKind(kind).options(z).parse(given);
    const description = { kind, name: { module: `${kind}_${index}`, index }, options };
    layers.push(describeLayer(description, signalsOf(layers, inputs, { vocabulary })));
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
