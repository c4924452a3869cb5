import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { packageFile } from '../../src/package-root.js';
import { installPackage, type Installed } from './installed.js';

let installed: Installed;
beforeAll(() => {
  installed = installPackage();
  const digits = ['zero', 'one', 'two', 'three', 'four'];
  const numbers = Array.from({ length: 60 }, (_, i) => [i % 5, (i * 3 + 1) % 5, (i * i) % 5]);
  const files = {
    'mails.csv': `body,class\n${Array.from({ length: 60 }, (_, i) =>
      i % 2 === 0 ? `win free money number ${i % 7},spam\n` : `lunch on monday ${i % 5},ham\n`,
    ).join('')}`,
    'book.txt': 'the sea is blue and the ruby is red\n'.repeat(40),
    'names.conll': 'Ada B-PER\nlives O\nin O\nParis B-LOC\n\nHe O\nlikes O\nRome B-LOC\n\n'.repeat(
      12,
    ),
    'numbers.words': numbers.map((row) => `${row.map((d) => digits[d]).join(' ')}\n`).join(''),
    'numbers.digits': numbers.map((row) => `${row.join(' ')}\n`).join(''),
  };
  for (const [name, text] of Object.entries(files))
    writeFileSync(join(installed.folder, name), text);
});
afterAll(() => installed.remove());

const examples = Array.from(
  readFileSync(packageFile('docs/library.md'), 'utf8').matchAll(
    /^#+ ([^\n]+)|^```(c?js)\n([^]*?)^```/gm,
  ),
).reduce<{ under: string; language: string; code: string }[]>(
  (found, [, heading, language, code]) => {
    const under = heading ?? found.at(-1)?.under ?? '';
    return [...found, { under, language: language ?? '', code: code ?? '' }];
  },
  [],
);
const programs = examples.filter(({ code }) => code !== '');

test('docs/library.md has examples of every part', () => {
  expect(programs.length).toBeGreaterThan(9);
});

// In their order: later ones use what earlier ones have trained.
test.each(programs.map(({ under, language, code }, i) => ({ i, under, language, code })))(
  'the example $i, under "$under", runs as it stands',
  ({ i, language, code }) => {
    const file = `example-${i}.${language === 'cjs' ? 'cjs' : 'mjs'}`;
    writeFileSync(join(installed.folder, file), code);
    const { status, stdout, stderr } = installed.run('node', '--no-warnings', file);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).not.toBe('');
    expect(stdout).not.toContain('undefined');
    expect(stdout).not.toContain('NaN');
  },
);
