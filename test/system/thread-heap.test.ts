import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker, type ResourceLimits } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import { heapLimits, watchHeaps, type HeapAllowance } from '../../src/system/thread-heap.js';

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
  /** How the process ends; its thread may end as well once `enough` has been said. */
  const grow = async (taker: 'thread' | 'coordinator', enough?: string) => {
    const folder = mkdtempSync(join(tmpdir(), 'silent-thread-'));
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    const child = spawn(process.execPath, [script, taker, pipe]);
    let [stdout, stderr] = ['', ''];
    child.stdout.on('data', (chunk) => {
      stdout += String(chunk);
      if (stdout === enough) writeFileSync(pipe, '');
    });
    child.stderr.on('data', (chunk) => (stderr += String(chunk)));
    const [status, signal] = (await once(child, 'close')) as [number | null, string | null];
    rmSync(folder, { recursive: true });
    return { status, signal, stderr };
  };

  it('ends the process, with one sentence, when memory of threads runs away meanwhile', async () => {
    const { signal, stderr } = await grow('thread');
    expect(signal).toBe('SIGKILL');
    expect(stderr).toMatch(/^A thread neither answers nor ends, .*--resume\.\n$/);
  });

  it('may take its time when the memory is known to be for something else', async () => {
    expect(await grow('coordinator', 'taken\n')).toEqual({ status: 0, signal: null, stderr: '' });
  });
});
