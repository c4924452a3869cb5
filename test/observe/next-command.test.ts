import { execFileSync } from 'node:child_process';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nextCommand, nextCommandOf } from '../../src/observe/next-command.js';

/** The words that a shell makes of what is pasted; the program is one that lists them. */
function paste(words: readonly string[]): string[] {
  const list = "node -p 'JSON.stringify(process.argv.slice(1))'";
  const command = nextCommand(`${list} --`, words, 'linux');
  return JSON.parse(execFileSync('sh', ['-c', command], { encoding: 'utf8' })) as string[];
}

test('what is printed reaches the program as it was meant, whatever names have', () => {
  const words = ['predict', "it's (my) run", 'a b/c $HOME `x` "y".csv', '*', 'ünï', '-'];
  expect(paste(words)).toEqual(words);
});

test('plain words stand as they are', () => {
  expect(nextCommand('npx lockstep', ['train', '--config', 'a/b.yaml'], 'linux')).toBe(
    'npx lockstep train --config a/b.yaml',
  );
  expect(nextCommand('lockstep', ['train', '--config', 'C:\\data\\b.yaml'], 'win32')).toBe(
    'lockstep train --config C:\\data\\b.yaml',
  );
});

test('on Windows words with blanks stand in the quotation marks that its shells know', () => {
  expect(nextCommand('lockstep', ['predict', 'my run'], 'win32')).toBe('lockstep predict "my run"');
});

test('a text comes by standard input', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^[a-z '"$!]{1,20}$/), (text) => {
      const command = nextCommandOf(text, 'cat', [], 'linux');
      const said = execFileSync('sh', ['-c', command], { encoding: 'utf8' });
      expect(said).toBe(`${text}\n`);
    }),
    { numRuns: 10 },
  );
});
