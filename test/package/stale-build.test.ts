import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { packageFile } from '../../src/package-root.js';

const folder = mkdtempSync(join(tmpdir(), 'lockstep-stale-'));
afterAll(() => {
  rmSync(folder, { recursive: true });
});

test('a build that lacks a file of the program says how to build anew', () => {
  for (const part of ['bin', 'dist', 'package.json']) {
    cpSync(packageFile(part), join(folder, part), { recursive: true });
  }
  symlinkSync(packageFile('node_modules'), join(folder, 'node_modules'));
  const run = () =>
    spawnSync(process.execPath, [join(folder, 'bin/lockstep.js'), '--version'], {
      encoding: 'utf8',
    });
  expect(run()).toMatchObject({ status: 0, stderr: '' });
  rmSync(join(folder, 'dist/src/system/printable.js'));
  const { status, stderr } = run();
  expect(status).toBe(1);
  expect(stderr).toMatch(/^lockstep is not built whole[^\n]*node scripts\/setup\.js[^\n]*\n$/);
});
