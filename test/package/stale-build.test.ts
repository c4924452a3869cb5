import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageFile } from '../../src/package-root.js';

const folder = mkdtempSync(join(tmpdir(), 'lockstep-stale-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

beforeAll(() => {
  for (const part of ['bin', 'dist', 'package.json']) {
    cpSync(packageFile(part), join(folder, part), { recursive: true });
  }
  for (const part of ['node_modules', 'kernels'])
    symlinkSync(packageFile(part), join(folder, part));
  const rows = Array.from({ length: 60 }, (_, i) => `some words ${i % 7},${i % 2 ? 'a' : 'b'}\n`);
  writeFileSync(join(folder, 'a.csv'), `text,label\n${rows.join('')}`);
  const data = (tokenizer: string) =>
    `task: classify\nworkers: 2\ndata: { train: a.csv, tokenizer: { kind: ${tokenizer} } }\nmodel: { embedding: 4, layers: [{ hiddenSize: 4 }] }\ntrain: { maxSteps: 2 }\n`;
  for (const kind of ['word', 'bpe']) writeFileSync(join(folder, `${kind}.yaml`), data(kind));
});

const run = (...args: string[]) =>
  spawnSync(process.execPath, [join(folder, 'bin/lockstep.js'), ...args], {
    cwd: folder,
    encoding: 'utf8',
  });

const advice = /^lockstep is not built whole[^\n]*node scripts\/setup\.js[^\n]*$/;

/** Runs a command while a file is missing; the last line that it prints. */
function lastWordWithout(file: string, ...args: string[]) {
  renameSync(join(folder, file), join(folder, 'missing'));
  try {
    const { status, stderr } = run(...args);
    return { status, line: stderr.trimEnd().split('\n').at(-1), stderr };
  } finally {
    renameSync(join(folder, 'missing'), join(folder, file));
  }
}

test('a build that lacks a file of the program says how to build anew', () => {
  expect(run('--version')).toMatchObject({ status: 0, stderr: '' });
  const program = readFileSync(join(folder, 'dist/src/cli.js'), 'utf8');
  const part = /from "\.\.\/(parts\/[^"]+)"/.exec(program)![1]!;
  const { status, stderr } = lastWordWithout(`dist/${part}`, '--version');
  expect(status).toBe(1);
  expect(stderr.trimEnd()).toMatch(advice);
});

test.each([
  ['dist/workers/prepare.js', 'word'],
  ['dist/workers/compute.js', 'word'],
  ['dist/workers/read.js', 'word'],
  ['dist/workers/metrics.js', 'word'],
  ['dist/parts/learn-bpe-', 'bpe'],
  ['dist/parts/bpe-', 'bpe'],
])('and says so, too, where what is missing is loaded later: %s', (start, kind) => {
  const args = ['train', '--config', `${kind}.yaml`, '--metrics-port', '0'];
  rmSync(join(folder, 'runs'), { recursive: true, force: true });
  const files = readdirSync(join(folder, dirname(start))).map((name) => join(dirname(start), name));
  const file = files.find((name) => name.startsWith(start))!;
  const { status, line, stderr } = lastWordWithout(file, ...args);
  expect({ status, stderr }).toMatchObject({ status: 1 });
  expect(line).toMatch(advice);
  expect(stderr).not.toContain('This is a bug');
});

test('native kernels that were built from other sources are not run, and the reason is told', () => {
  // Without Zig, which may lie beside them: thousands of files.
  const filter = (name: string): boolean => basename(name) !== 'zig';
  cpSync(packageFile('build'), join(folder, 'build'), { recursive: true, filter });
  const report = join(folder, 'build/native.json');
  const built = JSON.parse(readFileSync(report, 'utf8')) as { built: boolean; sources: string };
  const other = { built: true, reason: 'built with cc', sources: built.sources.replace(/./, 'x') };
  writeFileSync(report, JSON.stringify(other));
  try {
    const { status, stdout } = run('doctor');
    expect(status).toBe(0);
    expect(stdout).toMatch(
      /built from other sources than there are now \(node scripts\/build-native/,
    );
  } finally {
    rmSync(join(folder, 'build'), { recursive: true });
  }
});

test('a build beside kernels of another version is refused before any of them runs', () => {
  rmSync(join(folder, 'kernels'));
  cpSync(packageFile('kernels'), join(folder, 'kernels'), { recursive: true });
  appendFileSync(join(folder, 'kernels/lstm.c'), '\n');
  try {
    for (const args of [
      ['train', '--config', 'word.yaml', '--run-dir', 'updated'],
      ['train', '--config', 'word.yaml', '--run-dir', 'updated', '--backend', 'wasm'],
      ['doctor'],
    ]) {
      const { status, stderr } = run(...args);
      expect(status).toBe(1);
      expect(stderr.trimEnd().split('\n').at(-1)).toMatch(
        /lockstep was updated since it was built, .*: run `node scripts\/setup\.js` in /,
      );
    }
    expect(existsSync(join(folder, 'updated'))).toBe(false);
  } finally {
    rmSync(join(folder, 'kernels'), { recursive: true });
    symlinkSync(packageFile('kernels'), join(folder, 'kernels'));
  }
});
