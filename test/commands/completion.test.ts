import { execFileSync } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, test, vi } from 'vitest';
import { runWith } from './stub.js';

afterEach(() => {
  vi.unstubAllEnvs();
});

const complete = async (...words: string[]) =>
  (await runWith(['--get-yargs-completions', 'lockstep', ...words])).stdout.trim().split('\n');

test('commands, options and their choices are completed', async () => {
  expect(await complete('pre')).toEqual(expect.arrayContaining(['predict', 'prepare']));
  expect(await complete('train', '--dry')).toContain('--dry-run');
  expect(await complete('init', 'data.csv', '--task', '')).toEqual(
    expect.arrayContaining(['classify', 'translate']),
  );
});

test('bash takes the script, and asks the program', async () => {
  vi.stubEnv('SHELL', '/bin/bash');
  vi.stubEnv('ZSH_NAME', undefined);
  const { stdout, status } = await runWith(['completion']);
  expect(status).toBe(0);
  const folder = await mkdtemp(join(tmpdir(), 'lockstep-completion-'));
  try {
    await writeFile(join(folder, 'script'), stdout);
    // A program of this name that answers as ours does.
    const program = 'lockstep() { [ "$1" = --get-yargs-completions ] && echo predict; }';
    const ask = `COMP_WORDS=(lockstep pre) COMP_CWORD=1; _lockstep_yargs_completions; echo "\${COMPREPLY[@]}"`;
    const script = `${program}; . ./script; ${ask}`;
    const answer = execFileSync('bash', ['-c', script], { cwd: folder, encoding: 'utf8' });
    expect(answer).toBe('predict\n');
  } finally {
    await rm(folder, { recursive: true });
  }
});

test('zsh gets one of its own', async () => {
  vi.stubEnv('SHELL', '/bin/zsh');
  expect((await runWith(['completion'])).stdout).toMatch(/^#compdef lockstep\n/);
});
