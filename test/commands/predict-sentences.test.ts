import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { classifier, tagger } from './predict-stub.js';
import { runWith } from './stub.js';

let folder: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'lockstep-predict-')));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(name: string, content: string): string {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

describe('sentences', () => {
  const predict = (file: string, ...argv: string[]) =>
    runWith(['predict', 'runs/x', file, ...argv], tagger());

  test('have an answer each, also one without tokens', async () => {
    const lines = [
      '{"tokens":["Ann","ran"]}',
      '{"id":1,"tokens":[],"tags":[]}',
      '{"tokens":["x"]}',
    ];
    const { stdout, stderr } = await predict(write('a.jsonl', lines.join('\n')));
    expect(stderr).toBe('');
    expect(stdout).toBe(
      [['N', 'O'], [], ['O']]
        .map((tags, i) => `${lines[i]!.slice(0, -1)},"predicted":${JSON.stringify(tags)}}\n`)
        .join(''),
    );
  });

  test('refuse a prefix where they stay columns, which have no names, and take it where they become objects', async () => {
    const file = write('a.conll', 'Ann N\nran O\n');
    expect(await predict(file, '--prefix', 'my_')).toMatchObject({
      ...{ status: 1, stdout: '' },
      stderr: `--prefix: ${file} is answered in columns of tokens, which have no names: leave it out, or give --to jsonl\n`,
    });
    const { stdout } = await predict(file, '--prefix', 'my_', '--to', 'jsonl');
    expect(stdout).toContain('"my_predicted":["N","O"]');
    const objects = write('a.jsonl', '{"tokens":["Ann"]}\n');
    expect((await predict(objects, '--prefix', 'my_')).stdout).toContain('"my_predicted"');
  });

  test('stay objects where one line is none, with any prefix', async () => {
    const file = write('a.jsonl', '{"tokens":["Ann"]}\nnonsense\n{"tokens":["ran"]}\n');
    for (const prefix of [[], ['--prefix', 'my_']]) {
      const { status, stdout } = await predict(file, '--on-bad-row', 'skip', ...prefix);
      expect(status).toBe(0);
      const name = `${prefix[1] ?? ''}predicted`;
      const error = `${prefix[1] ?? ''}error`;
      expect(
        stdout
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line) as unknown),
      ).toEqual([
        { tokens: ['Ann'], [name]: ['N'] },
        { raw: 'nonsense', [name]: null, [error]: expect.any(String) as string },
        { tokens: ['ran'], [name]: ['O'] },
      ]);
    }
  });

  test('keep the lines of further columns when they become objects', async () => {
    const further = write('a.conll', 'Ann NNP N\nran VBD O\n');
    expect((await predict(further, '--to', 'jsonl')).stdout).toBe(
      '{"tokens":["Ann","ran"],"tags":["N","O"],"lines":["Ann NNP N","ran VBD O"],"predicted":["N","O"]}\n',
    );
    const none = write('b.conll', 'x\u00a0y O\n');
    expect((await predict(none, '--to', 'jsonl')).stdout).toBe(
      '{"tokens":["x\u00a0y"],"tags":["O"],"predicted":["O"]}\n',
    );
  });

  test('tell of fields that columns have no place for', async () => {
    const file = write(
      'a.jsonl',
      '{"id":1,"tokens":["New York"],"pos":["NNP"],"tags":["N"],"text":7}\n',
    );
    const argv = ['predict', 'runs/x', file, '--to', 'conll'];
    const { stdout, stderr } = await runWith(argv, tagger(['pos']));
    expect(stdout).toBe('New_York NNP N N\n\n');
    expect(stderr).toBe(
      'Accuracy 100.0 %: 1 of 1 token with a known tag\n' +
        'Columns leave out what objects hold beside their tokens: "id", "text"; --to jsonl keeps it\n',
    );
  });

  test('and show the first of many', async () => {
    const names = Array.from({ length: 25 }, (_, i) => `"f${i}"`);
    const objects = names.map((name) => `{${name}:1,"tokens":["x"]}\n`);
    const { stderr } = await predict(write('a.jsonl', objects.join('')), '--to', 'conll');
    const shown = names.slice(0, 20).join(', ');
    expect(stderr).toBe(
      `Columns leave out what objects hold beside their tokens: ${shown} and more; --to jsonl keeps it\n`,
    );
  });

  test('but not of those of a row that cannot be used, which is written whole', async () => {
    const file = write('a.jsonl', '{"id":1,"tokens":7}\n{"tokens":["x"]}\n');
    const argv = ['--to', 'conll', '--on-bad-row', 'skip'];
    const { stdout, stderr } = await predict(file, ...argv);
    expect(stdout).toBe('{"id":1,"tokens":7}\n\nx O\n\n');
    expect(stderr).toMatch(/^1 row without a prediction, [^\n]*\n$/);
  });

  test('that cannot be used are told why in terms of options', async () => {
    const skip = ['--to', 'jsonl', '--on-bad-row', 'skip'];
    const file = write('a.jsonl', '{"x":1}\n');
    const errors = await Promise.all(
      [tagger(), classifier()].map(async (library) => {
        const { stdout } = await runWith(['predict', 'runs/x', file, ...skip], library);
        return (JSON.parse(stdout) as { error: string }).error;
      }),
    );
    for (const error of errors) expect(error).toMatch(/name the one that is meant with --text\.$/);
  });

  test.each([
    [
      'a.jsonl',
      '{"tokens":["x"]}\n',
      'a.jsonl, line 1: there is no field "pos"; the object has "tokens": the model reads it beside the tokens, so give every object such a list.\n',
    ],
    [
      'a.conll',
      'x N\n',
      'a.conll: the columns of CoNLL files have no names: expected JSON Lines with the field that the model reads, "pos".\n',
    ],
  ])('without what the model reads beside are told what it needs: %s', async (name, text, told) => {
    const { stderr } = await runWith(['predict', 'runs/x', write(name, text)], tagger(['pos']));
    expect(stderr).toBe(join(folder, told));
  });

  test('that are piped as objects without a word of it are told the option', async () => {
    const told = (...argv: string[]) => runWith(['predict', 'runs/x', ...argv], tagger(['pos']));
    const { stderr } = await told();
    expect(stderr).toBe(
      'standard input: the columns of CoNLL files have no names: expected JSON Lines with the field that the model reads, "pos"; if it holds JSON Lines, give --format jsonl.\n',
    );
    expect((await told('--format', 'conll')).stderr).toMatch(/"pos"\.\n$/);
  });
});
