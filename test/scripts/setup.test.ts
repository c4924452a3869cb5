import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { isOutdated } from '../../scripts/outdated.js';
import { packageFile } from '../../src/package-root.js';

const clone = mkdtempSync(join(tmpdir(), 'lockstep-clone-'));
afterAll(() => {
  rmSync(clone, { recursive: true });
});

const old = new Date('2020-01-01T00:00:00Z');
const built = new Date('2020-01-02T00:00:00Z');

function write(file: string, text: string, time = old): void {
  mkdirSync(join(clone, dirname(file)), { recursive: true });
  writeFileSync(join(clone, file), text);
  utimesSync(join(clone, file), time, time);
}

/** A script and what it imports of those beside it. */
function partsOf(script: string): string[] {
  const text = readFileSync(packageFile(script), 'utf8');
  const names = [...text.matchAll(/from '\.\/([\w-]+\.js)'/g)].map(
    (match) => `scripts/${match[1]!}`,
  );
  return [script, ...names.flatMap(partsOf)];
}

const sourcesOfNative = ['kernels/lstm.c', ...partsOf('scripts/build-native.js')];
const sourcesOfDist = [
  ...['src/cli.ts', 'src/page/page.html', 'workers/compute.ts', 'kernels/lstm.c', 'tsconfig.json'],
  ...['scripts/text-width.cjs', 'LICENSE', 'node_modules/.package-lock.json'],
  ...partsOf('scripts/build.js'),
];

// A clone of whose builds each does no more than to leave what it is asked for, as old as the sources were.
beforeAll(() => {
  for (const file of [
    'scripts/setup.js',
    'scripts/outdated.js',
    'bin/node-version.js',
    'package.json',
  ])
    cpSync(packageFile(file), join(clone, file));
  for (const source of [...sourcesOfNative, ...sourcesOfDist]) write(source, '');
  for (const lock of ['package-lock.json', 'node_modules/.package-lock.json'])
    write(lock, '{ "packages": {} }');
  write('dist/src/cli.js', '');
  write('build/native.json', '', built);
});

/** What is outdated where all is older than what was built, but for `changed`. */
function outdatedAfter(changed?: string): string[] {
  for (const source of [...sourcesOfNative, ...sourcesOfDist]) {
    for (let part = source; part !== '.'; part = dirname(part))
      utimesSync(join(clone, part), old, old);
  }
  for (const target of targets) utimesSync(join(clone, target), built, built);
  if (changed !== undefined) utimesSync(join(clone, changed), new Date(), new Date());
  return targets.filter((target) => isOutdated(clone, target));
}

const targets = ['build/native.json', 'dist'] as const;

test('what is newer than all that it is made of is not built again', () => {
  expect(outdatedAfter()).toEqual([]);
});

test.each([...new Set([...sourcesOfNative, ...sourcesOfDist])])(
  'what is made of %s is outdated when that has changed',
  (source) => {
    expect(outdatedAfter(source)).toEqual([
      ...(sourcesOfNative.includes(source) ? ['build/native.json'] : []),
      ...(sourcesOfDist.includes(source) ? ['dist'] : []),
    ]);
  },
);

test('setup builds what is outdated', () => {
  expect(outdatedAfter('kernels/lstm.c')).toEqual(targets);
  const { status, stderr } = spawnSync(process.execPath, ['scripts/setup.js'], {
    cwd: clone,
    encoding: 'utf8',
  });
  const said = ['Building the native kernels …', 'Compiling …'];
  expect({ status, said: stderr.trimEnd().split('\n') }).toEqual({ status: 0, said });
});
