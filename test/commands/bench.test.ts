import { expect, it } from 'vitest';
import { runWith } from './stub.js';

it('bench --kernels prints a table with a line for every kernel, and --json an object for each', async () => {
  const bench = ['bench', 'keras-seed', '--kernels', '--seconds', '1'];
  const table = await runWith(bench);
  expect(table).toMatchObject({ status: 0, stderr: '' });
  const lines = table.stdout.trimEnd().split('\n');
  expect(lines[0]).toMatch(
    /^keras-seed, cut for 1 worker, \w+, one core: peak [\d.]+ GFLOP\/s, memory [\d.]+ GB\/s$/,
  );
  expect(lines[1]).toMatch(/^ {2}kernel +size +ms +GFLOP\/s +of peak/);
  expect(table.stdout).toMatch(
    /^ {2}lstm forward: lstm 0 hidden weight forward +3200 × 128 × 512 /m,
  );

  // Behind the kernels the step, beside their roofs.
  const end = lines.indexOf('');
  expect(lines[end + 1]).toMatch(
    /^keras-seed, a step with 1 worker: [\d.]+ ms, [\d.]+ % of it outside of tasks; the roofs of a worker's kernels are [\d.]+ % of it, these kernels alone [\d.]+ %$/,
  );
  expect(lines[end + 2]).toMatch(/^ {2}kernel +calls +ms alone +ms at the roof/);
  expect(lines.at(-1)).toMatch(/^ {2}all +\d+( +[\d.]+){2}( +[\d.]+ %){2}$/);

  const json = await runWith([...bench, '--json', '--workers', '2']);
  const results = json.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(results).toHaveLength(end - 2 + 1);
  expect(results.at(-1)).toMatchObject({ workers: 2, roofs: expect.any(Array) as unknown });
  expect(results).toContainEqual(
    expect.objectContaining({
      case: 'keras-seed',
      workers: 2,
      kernel: 'lstm forward',
      // Half of the rows.
      size: '1600 × 128 × 512',
    }),
  );
});

it('bench refuses an unknown case with the nearest one', async () => {
  const { status, stderr } = await runWith(['bench', 'keras-sed', '--kernels']);
  expect(status).not.toBe(0);
  expect(stderr).toContain('there is no case "keras-sed"; did you mean keras-seed?');
});

it.each([
  ['--teams', '1'],
  ['--peer', 'python'],
])('bench --kernels refuses %s', async (...option) => {
  const { status, stderr } = await runWith(['bench', 'keras-seed', '--kernels', ...option]);
  expect(status).not.toBe(0);
  expect(stderr).toContain('bench --kernels: --teams and --peer are for whole steps only');
});
