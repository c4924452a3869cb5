import { execFileSync } from 'node:child_process';
import { linkSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { findFiles } from '../../../src/data/input/find-files.js';
import { listSources } from '../../../src/data/input/sources.js';
import { UserError } from '../../../src/errors.js';
import { useScratch } from '../scratch.js';
import { tries } from '../../effort.js';

const scratch = useScratch();

/** A directory with empty files; finds in it, and gives names relative to it. */
async function place(...names: string[]) {
  const { dir, path } = await scratch();
  for (const name of names) {
    mkdirSync(dirname(path(name)), { recursive: true });
    writeFileSync(path(name), '');
  }
  const find = async (pattern: string) => {
    const found = await findFiles(path(pattern), 'data.train');
    return found.map((file) => file.path.slice(dir.length + 1));
  };
  const refuse = async (pattern: string) => {
    const error = await find(pattern).catch((refusal: unknown) => refusal);
    expect(error).toBeInstanceOf(UserError);
    return (error as UserError).message.replaceAll(`${dir}/`, '');
  };
  return { path, find, refuse };
}

describe('the files that a path means', () => {
  const special = fc.constantFrom(...Array.from('()[]{}*?!+@|^$,~-.x1 '));
  const name = fc
    .array(special, { minLength: 1, maxLength: 8 })
    .map((characters) => characters.join(''))
    .filter((text) => !/^[.]+$/.test(text));

  it('are what has that very name, whatever characters are in it', async () => {
    const { path, find } = await place();
    await fc.assert(
      fc.asyncProperty(name, name, async (folder, file) => {
        mkdirSync(path(folder), { recursive: true });
        writeFileSync(path(`${folder}/${file}.csv`), '');
        writeFileSync(path(`${folder}/z.csv`), '');
        expect(await find(`${folder}/${file}.csv`)).toEqual([`${folder}/${file}.csv`]);
        const listed = await find(`${folder}/*.csv`);
        expect(listed.length).toBeGreaterThan(0);
        expect(listed.every((each) => dirname(each) === folder)).toBe(true);
      }),
      { numRuns: tries(40) },
    );
  });

  it('are those of the directory with the brackets, not of one that they would match', async () => {
    const { find } = await place(
      ...['d (1)/a.csv', 'd 1/b.csv', '[e]/a.csv', 'e/b.csv', '{f,g}/a.csv', 'f/b.csv'],
      ...['x/h (1).csv', 'x/h 1.csv', '!k/a.csv', 'k/b.csv', '{{}/a.csv', 'm}{/a.csv'],
    );
    expect(await find('d (1)/*.csv')).toEqual(['d (1)/a.csv']);
    expect(await find('[e]/*.csv')).toEqual(['[e]/a.csv']);
    expect(await find('{f,g}/*.csv')).toEqual(['{f,g}/a.csv']);
    expect(await find('!k/*.csv')).toEqual(['!k/a.csv']);
    expect(await find('{{}/*.csv')).toEqual(['{{}/a.csv']);
    expect(await find('m}{/*.csv')).toEqual(['m}{/a.csv']);
    expect(await find('*/h (1).csv')).toEqual(['x/h (1).csv']);
    expect(await find('*/h (*).csv')).toEqual(['x/h (1).csv']);
  });

  it('are matched by wildcards, ranges and alternatives, hidden names left out', async () => {
    const files = ['a/1.csv', 'a/2.csv', 'a/10.csv', 'b/1.csv', 'b/c/d/1.csv', '.h/1.csv'];
    const { find } = await place(...files, 'a/.hidden.csv', 'b/08.csv');
    expect(await find('a/?.csv')).toEqual(['a/1.csv', 'a/2.csv']);
    expect(await find('a/[!1]*.csv')).toEqual(['a/2.csv']);
    expect(await find('{a,b/c/d}/1.csv')).toEqual(['a/1.csv', 'b/c/d/1.csv']);
    expect(await find('a/{2..11}.csv')).toEqual(['a/10.csv', 'a/2.csv']);
    expect(await find('b/{07..10}.csv')).toEqual(['b/08.csv']);
    expect(await find('**/1.csv')).toEqual(['a/1.csv', 'b/1.csv', 'b/c/d/1.csv']);
    expect(await find('b/**')).toEqual(['b/08.csv', 'b/1.csv', 'b/c/d/1.csv']);
    expect(await find('a/.*.csv')).toEqual(['a/.hidden.csv']);
  });

  it('are found once through links that lead in circles', async () => {
    const { path, find } = await place('a/b/1.csv');
    symlinkSync('..', path('a/up'));
    symlinkSync('b', path('a/c'));
    expect(await find('a/**/1.csv')).toEqual(['a/b/1.csv']);
  });

  it('are regular files: anything else is named, and nothing waits for it', async () => {
    const { path, refuse } = await place('data/a.csv', 'dir.csv/x');
    execFileSync('mkfifo', [path('p.csv.gz')]);
    symlinkSync('p.csv.gz', path('q.csv'));
    symlinkSync('gone.csv', path('data/dangling.csv'));
    symlinkSync('m.csv', path('l.csv'));
    symlinkSync('l.csv', path('m.csv'));
    const server = createServer().listen(path('s.csv'));
    await new Promise((ready) => server.once('listening', ready));
    const pipe = 'is a pipe: expected a regular file, or "-" for standard input.';
    expect(await refuse('p.csv.gz')).toBe(`data.train: "p.csv.gz" ${pipe}`);
    expect(await refuse('q.csv')).toBe(`data.train: "q.csv" ${pipe}`);
    expect(await refuse('q*.csv')).toBe(`data.train: "q.csv" ${pipe}`);
    expect(await refuse('s.csv')).toMatch(/"s\.csv" is a socket: expected a regular file/);
    expect(await refuse('dir.csv')).toMatch(/is a directory: name its files/);
    expect(await refuse('dir.c*')).toMatch(/no file matches/);
    expect(await refuse('l.csv')).toMatch(/"l\.csv" cannot be read: .* \(ELOOP\)\.$/);
    expect(await refuse('data/*.csv')).toBe(
      'data.train: "data/dangling.csv" is a link to something that is not there.',
    );
    expect(await refuse('a\0.csv')).toMatch(/"a\\u0000\.csv" has a NUL/);
    expect(await refuse('n'.repeat(300))).toMatch(/cannot be read: name too long \(ENAMETOOLONG\)/);
    expect(await refuse(`${'n'.repeat(300)}*`)).toMatch(/no file matches/);
    await expect(findFiles('/dev/zero', 'input')).rejects.toThrow(
      'input: "/dev/zero" is a device: expected a regular file',
    );
    server.close();
  });

  it('are suggested where a name is mistyped', async () => {
    const { refuse } = await place('data/mails/train.csv');
    expect(await refuse('dta/mails/tran.csv')).toMatch(
      /there is no file ".*" \(did you mean "data\/mails\/train\.csv"\?\)\.$/,
    );
    const accented = await place('caf\u00e9.csv');
    expect(await accented.refuse('cafe\u0301.csv')).toMatch(
      /\(did you mean "caf\u00e9\.csv"\? Its name looks alike, but its accents are composed characters\.\)\.$/,
    );
    expect(await refuse('data\\mails\\train.csv')).toMatch(/no file matches/);
    await expect(findFiles('~/x.csv', 'input')).rejects.toThrow(/"~" stands for a home directory/);
  });
});

describe('a file with two names', () => {
  it('is read once, and said', async () => {
    const { path } = await place('a.csv', 'b.csv');
    linkSync(path('a.csv'), path('hard.csv'));
    symlinkSync('a.csv', path('soft.csv'));
    mkdirSync(path('sub'));
    const read = async (...names: string[]) => {
      const said: string[] = [];
      const request = { patterns: names.map(path), format: undefined, key: 'data.test' };
      const sources = await listSources(request, (message) => said.push(message));
      return [sources.length, ...said.map((text) => text.replaceAll(path('/'), ''))];
    };
    expect(await read('a.csv', 'b.csv')).toEqual([2]);
    expect(await read('a.csv', 'sub/../a.csv')).toEqual([
      1,
      'data.test names "a.csv" more than once: it is read once.',
    ]);
    expect(await read('b.csv', 'b*.csv')).toHaveLength(2);
    expect(await read('hard.csv', 'a.csv')).toEqual([
      1,
      'data.test names one file as "hard.csv" and "a.csv": it is read once.',
    ]);
    expect(await read('*.csv')).toEqual([
      2,
      'data.test names one file as "a.csv" and "hard.csv", and 1 more such: each file is read once.',
    ]);
  });
});
