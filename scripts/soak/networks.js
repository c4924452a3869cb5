/** The property of test/model/random-networks.test.ts, for more networks than the tests have time for. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('../..', import.meta.url));
const test = 'test/model/random-networks.test.ts';

/** Tries so many networks, each in every division; the process ends with the status of the tests. */
export async function tryNetworks(count, seed) {
  console.log(`${count} networks, seed ${seed}`);
  const vitest = fileURLToPath(new URL('vitest.mjs', import.meta.resolve('vitest/package.json')));
  const options = ['--testTimeout=0', '--disableConsoleIntercept', '--reporter=verbose'];
  const child = spawn(process.execPath, [vitest, 'run', test, ...options], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, NETWORKS: String(count), SEED: String(seed) },
  });
  const [status] = await once(child, 'exit');
  process.exitCode = status ?? 1;
}
