import { join } from 'node:path';
import { expect, it } from 'vitest';
import { makeWorkplace } from '../e2e/corpus.js';
import { trainSmall } from '../faults/small-run.js';

const cwd = makeWorkplace();

it.each(['classifier', 'language-model'] as const)(
  'a start tells what of the memory of a %s is for what, and its network layer by layer',
  async (name) => {
    const set = [
      'train.maxSteps=1',
      'train.optimizer.kind=adam',
      'train.averaging={kind: ema, decay: 0.9}',
    ];
    const { events } = await trainSmall(cwd, name, { runDir: join(cwd, name), set });
    const start = events.find((event) => event.type === 'start')!;
    const { memory, network, parameters, heapBytes } = start;
    const sum = (list: readonly number[]): number => list.reduce((all, each) => all + each, 0);
    expect(sum(Object.values(memory))).toBe(heapBytes);
    // Each value is a float32, and has a first and a second moment and an average; buffers fill cache lines.
    const rounding = 64 * 2 * network.length + 4 * parameters;
    expect(memory['weights']! / 4).toBeGreaterThanOrEqual(parameters);
    expect(memory['weights']).toBeLessThan(4 * parameters + rounding);
    expect(memory['optimizer']).toBeGreaterThanOrEqual(2 * memory['weights']!);
    expect(memory['averages']).toBeGreaterThanOrEqual(memory['weights']!);
    expect(Object.keys(memory)).toEqual(
      expect.arrayContaining(['packed weights', 'gradients', 'activations', 'batches', 'threads']),
    );
    expect(sum(network.map((layer) => layer.parameters))).toBe(parameters);
    expect(sum(network.map((layer) => layer.share))).toBeCloseTo(1, 2);
    expect(network.map(({ kind }) => kind)).toEqual(expect.arrayContaining(['embedding', 'lstm']));
    expect(network.at(-1)).toMatchObject({ name: 'head', kind: 'dense' });
  },
);
