import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { networkShape } from '../../src/compute/sizes.js';
import * as pool from '../../src/compute/pool.js';
import { resolveConfig } from '../../src/config/load.js';
import { describeNetwork } from '../../src/model/graph/describe.js';
import { SLOT } from '../../src/model/sizes.js';
import { fillUniform, PURPOSE } from '../../src/tensor/random.js';
import { packageFile } from '../../src/package-root.js';
import { ModelEngine } from '../../src/use/model-engine.js';
import { RowBatches } from '../../src/use/row-batches.js';

vi.mock('../../src/compute/pool.js', { spy: true });

const LONGEST = 200;
const CLASSES = ['a', 'b', 'c'];
const config = resolveConfig({
  ...{ task: 'classify', workers: 2 },
  data: { train: 'x.csv', tokenizer: { kind: 'byte' }, maxLength: LONGEST },
  model: { embedding: 16, layers: [{ hiddenSize: 64 }] },
});
const shape = networkShape(config, 256, CLASSES);
const weights = new Map(
  describeNetwork(shape).parameters.map(({ name, shape: lengths }, stream) => {
    const values = new Float32Array(lengths.reduce((product, length) => product * length, 1));
    fillUniform(values, 0.3, 1, PURPOSE.weights, stream);
    return [name, values];
  }),
);
/** Of all lengths. */
const texts = Array.from({ length: 64 }, (_, row) =>
  Array.from({ length: 1 + ((row * 37) % LONGEST) }, (_, i) => (row * 7 + i * i) % 256),
);

const engines: ModelEngine[] = [];
beforeEach(() => {
  vi.mocked(pool.createWorkerPool).mockClear();
});
afterEach(async () => {
  for (const engine of engines.splice(0)) await engine.close();
});

function open(workerFile?: string): ModelEngine {
  const engine = new ModelEngine(config, shape, weights, workerFile);
  engines.push(engine);
  return engine;
}

async function classify(rows: RowBatches, given: readonly number[][]): Promise<Float32Array[]> {
  const results = given.map(() => new Float32Array(CLASSES.length));
  await rows.compute({
    count: given.length,
    encode: (row) => ({ tokens: given[row]!, features: [] }),
    placeFor: (row) => results[row]!,
  });
  return results;
}

test('single rows are computed by the thread that asks, many by others, to the same bits', async () => {
  const alone = new RowBatches(open());
  const results = [];
  for (const text of texts) results.push(...(await classify(alone, [text])));
  expect(pool.createWorkerPool).not.toHaveBeenCalled();
  expect(await classify(alone, texts)).toEqual(results);
  expect(pool.createWorkerPool).toHaveBeenCalledOnce();
  // And once more alone, now that there are threads.
  expect(await classify(alone, [texts[5]!])).toEqual([results[5]]);

  const byThreads = new RowBatches(open(packageFile('dist/workers/compute.js')));
  for (const row of [0, 5, 63]) {
    expect(await classify(byThreads, [texts[row]!])).toEqual([results[row]]);
  }
});

test('two engines that the same thread computes for do not take one for the other', async () => {
  const [one, other] = [new RowBatches(open()), new RowBatches(open())];
  const expected = await classify(one, [texts[3]!, texts[4]!]);
  for (let i = 0; i < 3; i++) {
    expect(await Promise.all([classify(one, [texts[3]!]), classify(other, [texts[4]!])])).toEqual([
      [expected[0]],
      [expected[1]],
    ]);
  }
  await engines.shift()!.close();
  expect(await classify(other, [texts[4]!])).toEqual([expected[1]]);
});

test('who computes one small stage after the other keeps nobody else out', async () => {
  const engine = open();
  await classify(new RowBatches(engine), [texts[0]!]);
  let isOver = false;
  const timer = setTimeout(() => (isOver = true), 1);
  const end = performance.now() + 5000;
  await engine.take(async (taken) => {
    while (!isOver && performance.now() < end) await taken.predict(SLOT.prediction);
  });
  clearTimeout(timer);
  expect(isOver).toBe(true);
});

test('a call whose row cannot be laid out is refused, and nobody else waits for ever', async () => {
  const rows = new RowBatches(open());
  const [alone] = await classify(rows, [texts[0]!]);
  const odd = rows.compute({
    count: 1,
    encode: () => ({ tokens: texts[1]!, features: [] }),
    targets: () => {
      throw new Error('no targets');
    },
  });
  const good = classify(rows, [texts[0]!]);
  await expect(odd).rejects.toThrow('no targets');
  expect(await good).toEqual([alone]);
});
