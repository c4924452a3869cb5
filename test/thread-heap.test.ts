import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { Worker, type ResourceLimits } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { heapLimits, watchHeaps, type HeapAllowance } from '../src/thread-heap.js';

const entry = fileURLToPath(new URL('hungry-thread.js', import.meta.url));
const isAskable = 'getHeapStatistics' in Worker.prototype;
const asked = isAskable ? '' : ' (skipped: this Node cannot ask a thread what it holds)';

/** What is heard of a watched thread, in order. */
async function run(
  way: string,
  allowance: HeapAllowance,
  resourceLimits: ResourceLimits = heapLimits(allowance),
): Promise<string[]> {
  const heard: string[] = [];
  const thread = new Worker(entry, { workerData: way, resourceLimits });
  const stop = watchHeaps(() => [thread], allowance);
  thread.on('error', (error: Error) => heard.push(error.message));
  const status = await new Promise<number>((resolve) => thread.once('exit', resolve));
  stop();
  return [...heard, `exit ${status}`];
}

describe('a thread that holds more than it may', () => {
  it('is ended with an error, on every version of Node', async () => {
    const [error, exit] = await run('piece by piece', { young: 2, total: 64 });
    expect(error).toMatch(/out of memory/);
    expect(exit).toBe('exit 1');
  });

  it.skipIf(!isAskable).each(['in one array', 'in one map'])(
    `is ended before V8 aborts the process, when it takes memory %s${asked}`,
    async (way) => {
      expect(await run(way, { young: 2, total: 64 })).toEqual([
        expect.stringMatching(/^out of memory: the thread's heap held \d+ MiB$/),
        'exit 1',
      ]);
    },
  );

  it.skipIf(!isAskable)(`is ended near V8's limit where there is no other${asked}`, async () => {
    const own = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 300 };
    const [error] = await run('between events', { young: 2 }, own);
    const held = Number(/held (\d+) MiB/.exec(error!)?.[1]);
    expect(held).toBeGreaterThan(220);
    expect(held).toBeLessThan(305);
  });
});

it('a thread that only makes garbage is left alone', async () => {
  expect(await run('only garbage', { young: 2, total: 64 })).toEqual(['exit 0']);
});

describe.skipIf(!isAskable)(`a thread that V8 does not end${asked}`, () => {
  const script = fileURLToPath(new URL('silent-thread.js', import.meta.url));
  const grow = (mebibytes: number) =>
    spawnSync(process.execPath, [script, String(mebibytes)], { encoding: 'utf8' });

  it('ends the process, with one sentence, when memory runs away meanwhile', () => {
    const { signal, stderr } = grow(256);
    expect(signal).toBe('SIGKILL');
    expect(stderr).toMatch(/^A thread neither answers nor ends, .*--resume\.\n$/);
  });

  it('may take its time when it does not', () => {
    expect(grow(8)).toMatchObject({ status: 0, stdout: 'ended with 8 MiB\n', stderr: '' });
  });
});
