import { expect, test } from 'vitest';
import { phasesOf } from '../../src/compute/messages.js';
import { diceOf } from '../model/random-networks.js';
import { planDeaths } from './deaths.js';

test.each(['float32', 'bfloat16'] as const)(
  'deaths are planned for every phase of a run in %s',
  (precision) => {
    const deaths = planDeaths(100, 100, diceOf(1), { precision });
    const phases = phasesOf('train', { shape: {} as never, precision });
    expect(new Set(deaths.map(({ phase }) => phase))).toEqual(new Set(phases));
  },
);
