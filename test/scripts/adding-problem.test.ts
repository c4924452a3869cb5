import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { packageFile } from '../../src/package-root.js';

const folder = mkdtempSync(join(tmpdir(), 'lockstep-test-'));
afterAll(() => rmSync(folder, { recursive: true }));

function make(name: string, ...options: string[]): string[] {
  const out = join(folder, name);
  const size = ['--length', '7', '--rows', '40', '--validation', '5', '--out', out];
  execFileSync(process.execPath, [packageFile('scripts/adding-problem.js'), ...size, ...options]);
  return ['train.csv', 'validation.csv'].map((file) => readFileSync(join(out, file), 'utf8'));
}

test('the adding problem marks a number in either half and tells their sum; a seed makes the same rows again', () => {
  const [train, validation] = make('one');
  const rows = train!.trim().split('\n');
  expect(rows[0]).toBe('text,sum');
  expect([rows.length, validation!.trim().split('\n').length]).toEqual([41, 6]);
  for (const row of rows.slice(1)) {
    const [text, sum] = row.split(',');
    const words = text!.split(' ');
    expect(words).toHaveLength(7);
    for (const word of words) expect(word).toMatch(/^\+?(?:0\.\d\d|1\.00)$/);
    const marked = words.flatMap((word, place) => (word.startsWith('+') ? place : []));
    expect(marked).toHaveLength(2);
    expect([marked[0]! < 3, marked[1]! >= 3]).toEqual([true, true]);
    expect(Number(words[marked[0]!]) + Number(words[marked[1]!])).toBeCloseTo(Number(sum), 9);
  }
  expect(make('again')).toEqual([train, validation]);
  expect(make('other', '--seed', '2')[0]).not.toBe(train);
});

test('a folder that cannot be made is refused in one sentence', () => {
  writeFileSync(join(folder, 'file'), '');
  const out = join(folder, 'file/data');
  const { status, stderr } = spawnSync(
    process.execPath,
    [packageFile('scripts/adding-problem.js'), '--out', out],
    { encoding: 'utf8' },
  );
  expect(stderr).toBe(`--out: ${out} cannot be made (ENOTDIR)\n`);
  expect(status).toBe(1);
});
