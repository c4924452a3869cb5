import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import { chooseBackend } from '../../src/backend/select.js';
import { readTensors, succeed } from './cli.js';
import { makeWorkplace } from './corpus.js';

const cwd = makeWorkplace();
const sameProfile = chooseBackend('auto').profile === chooseBackend('wasm').profile;

/** Trains with these options and reads what came out. */
async function train(config: string, ...options: string[]) {
  const runDir = join(cwd, 'runs', [config, ...options].join(''));
  const set = ['--set', 'train.maxSteps=30'];
  const args = ['train', '--config', `${config}.yaml`, '--run-dir', runDir, ...options, ...set];
  await succeed(cwd, args);
  return readTensors(runDir, 'step-00000030');
}

describe.each(['classifier', 'language-model'])('a %s trained', (config) => {
  let alone: ReturnType<typeof readTensors>;
  beforeAll(async () => {
    alone = await train(config, '--workers', '1');
  });

  it.each(['1', '3', '7'])(
    'again, by %s workers, has the bytes of one trained by one',
    async (workers) => {
      const shared = await train(config, '--workers', workers, '--backend', 'auto');
      expect(shared.model.equals(alone.model)).toBe(true);
      expect(shared.optimizer.equals(alone.optimizer)).toBe(true);
    },
  );

  it('again, by 7 workers in 3 teams, has the same bytes', async () => {
    const shared = await train(config, '--workers', '7', '--set', 'teams=3');
    expect(shared.model.equals(alone.model)).toBe(true);
    expect(shared.optimizer.equals(alone.optimizer)).toBe(true);
  });

  // Without fused multiply-add in this engine's WebAssembly the two round differently.
  it.runIf(sameProfile)('on WebAssembly has the bytes of one trained natively', async () => {
    const portable = await train(config, '--workers', '2', '--backend', 'wasm');
    expect(portable.model.equals(alone.model)).toBe(true);
    expect(portable.optimizer.equals(alone.optimizer)).toBe(true);
  });

  it('from another seed has other bytes', async () => {
    const other = await train(config, '--workers', '2', '--set', 'train.seed=2');
    expect(other.model.equals(alone.model)).toBe(false);
  });
});
