import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { readToken } from '../../../src/observe/server/token.js';
import { useScratch } from '../../data/scratch.js';

const makeScratch = useScratch();
const token = 'a-token-of-enough-letters';

test('the token is the word that stands in the file, or in a descriptor of the process', async () => {
  const { path } = await makeScratch();
  writeFileSync(path('token'), `${token}\n`);
  expect(await readToken(path('token'))).toBe(token);
  const handle = await open(path('token'));
  try {
    expect(await readToken(`/dev/fd/${handle.fd}`)).toBe(token);
  } finally {
    await handle.close();
  }
});

test('a pipe that nobody writes to is refused, not waited for', async () => {
  const { path } = await makeScratch();
  execFileSync('mkfifo', [path('pipe')]);
  await expect(readToken(path('pipe'))).rejects.toThrow(
    `metrics.tokenFile: ${path('pipe')}: expected a file, found a pipe`,
  );
});

test.each(['', 'short', 'two words of enough letters'])('%j is no token', async (text) => {
  const { path } = await makeScratch();
  writeFileSync(path('token'), text);
  await expect(readToken(path('token'))).rejects.toThrow('expected one word of at least 16');
});
