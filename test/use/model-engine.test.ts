import { setTimeout as sleep } from 'node:timers/promises';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { networkShape } from '../../src/compute/sizes.js';
import { resolveConfig } from '../../src/config/load.js';
import { ModelEngine } from '../../src/use/model-engine.js';

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

test('a closed engine keeps no weights, whoever keeps it', async () => {
  const config = resolveConfig({
    task: 'language-model',
    data: { train: 'x.txt', tokenizer: { kind: 'byte' } },
    model: { embedding: 2, layers: [{ hiddenSize: 2 }] },
  });
  const open = () => {
    const weights = new Map([['some', new Float32Array(1000)]]);
    const engine = new ModelEngine(config, networkShape(config, 256, []), weights);
    return { engine, weights: new WeakRef(weights) };
  };
  const { engine, weights } = open();
  await sleep(0);
  collectGarbage();
  expect(weights.deref()).toBeDefined();
  await engine.close();
  await sleep(0);
  collectGarbage();
  expect(weights.deref()).toBeUndefined();
  await expect(engine.take(() => Promise.resolve())).rejects.toThrow('closed');
});
