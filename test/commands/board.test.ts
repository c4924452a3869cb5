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

test('what it says of its options is said by their names', async () => {
  const token = join(folder, 'token');
  writeFileSync(token, 'a-token-of-many-letters');
  const options = ['--port', '0', '--host', 'localhost', '--token-file', token];
  const { child } = start(folder, ['board', folder, ...options]);
  let stdout = '';
  child.stdout!.on('data', (text: string) => (stdout += text));
  await expect.poll(() => stdout, { timeout: 10_000 }).toContain('Ctrl-C');
  const response = await fetch(/http:\S+\//.exec(stdout)![0]);
  expect([response.status, await response.text()]).toEqual([
    401,
    'This request is refused: expected the token of --token-file.\n',
  ]);
  child.kill('SIGINT');
  const unread = await runWith(['board', folder, '--token-file', join(folder, 'none')]);
  expect(unread.stderr).toMatch(
    /^--token-file: .* cannot be read: no such file or directory \(ENOENT\)\n$/,
  );
});

test('who listens on this machine alone is not warned of others, whatever it is called', async () => {
  const { child, ended } = start(folder, ['board', folder, '--port', '0', '--host', 'localhost']);
  let stdout = '';
  child.stdout!.on('data', (text: string) => (stdout += text));
  await expect.poll(() => stdout, { timeout: 10_000 }).toContain('Ctrl-C');
  child.kill('SIGINT');
  expect((await ended).stderr).toBe('');
});

test('what is not there is refused by its name', async () => {
  const { status, stderr } = await runWith(['board', join(folder, 'lost')]);
  expect([status, stderr]).toEqual([
    1,
    `${join(folder, 'lost')}: expected a directory, found nothing\n`,
  ]);
});
