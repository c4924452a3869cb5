import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { start } from '../e2e/cli.js';
import { logOf } from '../observe/board/logs.js';
import { runWith } from './stub.js';

const folder = mkdtempSync(join(tmpdir(), 'lockstep-board-'));
afterAll(() => rmSync(folder, { recursive: true }));

test('the board serves the runs in a folder, until it is interrupted', async () => {
  mkdirSync(join(folder, 'runs/one'), { recursive: true });
  writeFileSync(join(folder, 'runs/one/metrics.jsonl'), logOf(5).join(''));
  const { child, ended } = start(folder, ['board', '--port', '0']);
  let stdout = '';
  child.stdout!.on('data', (text: string) => (stdout += text));
  await expect
    .poll(() => stdout)
    .toMatch(/^Runs at http:\/\/127\.0\.0\.1:\d+\/; Ctrl-C ends this\n$/);
  const url = /http:\S+\//.exec(stdout)![0];
  const response = await fetch(url);
  expect(await response.text()).toMatch(/^<!doctype html>/);
  const policy = response.headers.get('content-security-policy')!;
  expect(policy).toMatch(/^default-src 'none'; script-src 'sha256-[^']+'; style-src 'sha256-/);
  expect(policy).not.toContain('unsafe');
  child.kill('SIGINT');
  expect(await ended).toMatchObject({ status: 0, stderr: '' });
});

test('what is not there is refused by its name', async () => {
  const { status, stderr } = await runWith(['board', join(folder, 'lost')]);
  expect([status, stderr]).toEqual([
    1,
    `${join(folder, 'lost')}: expected a directory, found nothing\n`,
  ]);
});
