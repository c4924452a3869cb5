import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findRuns, MOST_RUNS, shortestNames } from '../../../src/observe/board/find-runs.js';

const folder = mkdtempSync(join(tmpdir(), 'lockstep-find-'));
afterAll(() => rmSync(folder, { recursive: true }));

beforeAll(() => {
  for (const run of ['one', 'group/two', 'group/three']) {
    mkdirSync(join(folder, run, 'checkpoints'), { recursive: true });
    writeFileSync(join(folder, run, 'metrics.jsonl'), '');
  }
  mkdirSync(join(folder, 'empty'));
  // A folder that leads back to itself.
  symlinkSync(folder, join(folder, 'group/loop'));
  // Links that lead nowhere.
  symlinkSync('itself', join(folder, 'group/itself'));
  symlinkSync('lost', join(folder, 'group/dangling'));
  symlinkSync('one/metrics.jsonl/inside', join(folder, 'through-a-file'));
});

test('runs are found among directories and below them, each once', () => {
  const { runs: found } = findRuns([
    join(folder, 'group'),
    join(folder, 'group/two'),
    join(folder, 'one'),
    join(folder, 'lost'),
  ]);
  expect(found.map(({ name }) => name).sort()).toEqual(['group/three', 'group/two', 'one']);
  expect(new Set(found.map(({ id }) => id)).size).toBe(3);
});

test('folders without runs have none', () => {
  const none = { runs: [], areMore: false };
  expect(findRuns([join(folder, 'empty'), join(folder, 'lost')])).toEqual(none);
  expect(findRuns([])).toEqual(none);
});

test.runIf(process.platform === 'linux')('a pipe in the place of a log is none', () => {
  mkdirSync(join(folder, 'empty/piped'));
  execFileSync('mkfifo', [join(folder, 'empty/piped/metrics.jsonl')]);
  mkdirSync(join(folder, 'empty/linked'));
  symlinkSync('../piped/metrics.jsonl', join(folder, 'empty/linked/metrics.jsonl'));
  expect(findRuns([join(folder, 'empty')]).runs).toEqual([]);
  rmSync(join(folder, 'empty/piped'), { recursive: true });
  rmSync(join(folder, 'empty/linked'), { recursive: true });
});

test('links that lead nowhere are passed over', () => {
  expect(findRuns([folder]).runs).toHaveLength(3);
});

test('runs beyond as many as are taken are left out, and it is told', () => {
  const many = mkdtempSync(join(tmpdir(), 'lockstep-find-'));
  const write = (name: string): void => {
    mkdirSync(join(many, name));
    writeFileSync(join(many, name, 'metrics.jsonl'), '');
  };
  for (let i = 0; i < MOST_RUNS; i++) write(`run-${i}`);
  const all = findRuns([many]);
  write('one-more');
  const some = findRuns([many]);
  rmSync(many, { recursive: true });
  expect([all.runs.length, all.areMore]).toEqual([MOST_RUNS, false]);
  expect([some.runs.length, some.areMore]).toEqual([MOST_RUNS, true]);
});

test('runs are called by what they do not have in common', () => {
  expect(shortestNames(['/a/b/one', '/a/b/two'])).toEqual(['one', 'two']);
  expect(shortestNames(['/a/b/x/run', '/a/c/x/run'])).toEqual(['b/x/run', 'c/x/run']);
  expect(shortestNames(['/a/b'])).toEqual(['b']);
});
