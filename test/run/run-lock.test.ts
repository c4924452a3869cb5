import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { UserError } from '../../src/errors.js';
import type { LockTiming } from '../../src/system/file-lock.js';
import { lockRun } from '../../src/run/run-lock.js';
import { useScratch } from '../data/scratch.js';

const makeScratch = useScratch();
const timing: LockTiming = { beatMs: 20, patienceMs: 300, pollMs: 5 };

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** Takes the lock and expects that nobody had to be waited for. */
async function lockAtOnce(directory: string) {
  return lockRun(directory, (message) => expect.fail(`unexpected: ${message}`), timing);
}

interface LockContent {
  pid: number;
  started: string;
  machine: string;
}

/** What the lock file says while this process holds the lock. */
async function ownContent(directory: string): Promise<LockContent> {
  const lock = await lockAtOnce(directory);
  const content = JSON.parse(readFileSync(`${directory}/lock`, 'utf8')) as LockContent;
  lock.release();
  return content;
}

it('makes the directory, and leaves no file behind when released', async () => {
  const { dir, path } = await makeScratch();
  const lock = await lockAtOnce(path('runs/new'));
  expect(existsSync(path('runs/new/lock'))).toBe(true);
  lock.release();
  expect(existsSync(path('runs/new/lock'))).toBe(false);
  (await lockAtOnce(dir)).release();
});

it('is released without an error of its own where its file cannot be removed', async () => {
  const { dir, path } = await makeScratch();
  const lock = await lockAtOnce(dir);
  rmSync(path('lock'));
  mkdirSync(path('lock'));
  expect(() => lock.release()).not.toThrow();
  expect(existsSync(path('lock'))).toBe(true);
});

it('refuses a second holder, naming directory and who it is, until the first one releases', async () => {
  const { dir } = await makeScratch();
  const first = await lockAtOnce(dir);
  await expect(lockAtOnce(dir)).rejects.toThrow(
    new UserError(
      `${dir} is in use by another call in this process: ` +
        'wait until it has ended, or name another directory with --run-dir',
    ),
  );
  first.release();
  (await lockAtOnce(dir)).release();
});

it('lets one only of many in', async () => {
  const { dir } = await makeScratch();
  const tries = await Promise.allSettled(Array.from({ length: 8 }, () => lockAtOnce(dir)));
  expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
});

it.runIf(existsSync('/proc/self/stat'))(
  'takes over at once from a holder that was killed, also while its parent has not noticed',
  async () => {
    const { dir, path } = await makeScratch();
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)']);
    children.push(child);
    await once(child, 'spawn');
    const stat = readFileSync(`/proc/${child.pid!}/stat`, 'utf8');
    const started = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]!;
    const content = JSON.stringify({ ...(await ownContent(dir)), pid: child.pid, started });
    writeFileSync(path('lock'), content);
    await expect(lockAtOnce(dir)).rejects.toThrow(`pid ${child.pid!}`);
    // Until our event loop turns, the killed child is a zombie.
    child.kill('SIGKILL');
    for (let state = ''; state !== 'Z';) {
      const now = readFileSync(`/proc/${child.pid!}/stat`, 'utf8');
      state = now.slice(now.lastIndexOf(')') + 2)[0]!;
    }
    const lock = await lockAtOnce(dir);
    expect(readFileSync(path('lock'), 'utf8')).not.toBe(content);
    lock.release();
  },
);

it.runIf(existsSync('/proc/self/stat'))(
  'takes over at once where the pid now belongs to a process that started at another time',
  async () => {
    const { dir, path } = await makeScratch();
    const content = await ownContent(dir);
    writeFileSync(path('lock'), JSON.stringify({ ...content, started: '1' }));
    (await lockAtOnce(dir)).release();
  },
);

it('lets one only of many take over from the dead', async () => {
  const { dir, path } = await makeScratch();
  const content = await ownContent(dir);
  writeFileSync(path('lock'), JSON.stringify({ ...content, started: '1' }));
  const quiet = () => lockRun(dir, () => undefined, timing);
  const tries = await Promise.allSettled(Array.from({ length: 8 }, quiet));
  expect(tries.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
});

it('takes over also where another died while it took over', async () => {
  const { dir, path } = await makeScratch();
  const content = await ownContent(dir);
  for (const name of ['lock', 'lock.takeover']) {
    writeFileSync(path(name), JSON.stringify({ ...content, started: name }));
  }
  const quiet = () => lockRun(dir, () => undefined, timing);
  const tries = await Promise.allSettled(Array.from({ length: 8 }, quiet));
  const held = tries.filter((each) => each.status === 'fulfilled');
  expect(held).toHaveLength(1);
  expect(readdirSync(dir)).toEqual(['lock']);
  held[0]!.value.release();
  expect(readdirSync(dir)).toEqual([]);
});

const strange: [string, (content: LockContent) => string][] = [
  ['on another machine', (content) => JSON.stringify({ ...content, machine: 'elsewhere' })],
  ['with a lock file that was cut short', (content) => JSON.stringify(content).slice(0, 20)],
  ['with an empty lock file', () => ''],
];

it.each(strange)('watches a holder %s, and takes over when it keeps still', async (_, write) => {
  const { dir, path } = await makeScratch();
  writeFileSync(path('lock'), write(await ownContent(dir)));
  const notices: string[] = [];
  (await lockRun(dir, (message) => notices.push(message), timing)).release();
  expect(notices).toHaveLength(1);
  expect(notices[0]).toContain(`${path('lock')} was left by a process that cannot be looked up`);
});

it.each(strange)('refuses while a holder %s touches its lock', async (_, write) => {
  const { dir, path } = await makeScratch();
  writeFileSync(path('lock'), write(await ownContent(dir)));
  // However late this thread comes to touch it.
  const patient = { ...timing, patienceMs: 60_000 };
  const refused = expect(lockRun(dir, () => undefined, patient)).rejects.toThrow('is in use');
  await sleep(50);
  utimesSync(path('lock'), new Date(), new Date());
  await refused;
});

it('touches its lock as long as it holds it', async () => {
  const { dir, path } = await makeScratch();
  const lock = await lockAtOnce(dir);
  utimesSync(path('lock'), 1, 1);
  await expect.poll(() => statSync(path('lock')).mtimeMs).toBeGreaterThan(1000);
  lock.release();
});
