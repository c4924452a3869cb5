import { expect, test } from 'vitest';
import { expectUsed } from '../../../src/commands/options/vain-options.js';
import { classifier } from '../predict-stub.js';
import { runWith } from '../stub.js';

test.each([
  ['translate r --beam 3 --sample', '--beam: --sample draws tokens in the place of a beam'],
  ['translate r --sample --temperature 0 --seed 2', '--seed: --temperature 0 takes the likeliest'],
  ['translate r --prefix my_', '--prefix: expected --to csv or jsonl beside it'],
  ['translate r --overwrite', '--overwrite: expected --out beside it'],
  ['generate r --temperature 0 --top-k 5', '--top-k: --temperature 0 takes the likeliest token'],
  ['generate r --top-k 1 --temperature 2', '--temperature: --top-k 1 takes the likeliest token'],
  ['predict r --to conll --prefix my_', '--prefix: expected --to jsonl beside it'],
  ['predict r a.csv --overwrite', '--overwrite: expected --out beside it'],
  ['score r a.csv --overwrite', '--overwrite: expected --out beside it'],
  ['predict r a.jsonl --delimiter ;', '--delimiter: objects of JSON Lines have no use for it'],
  ['predict r --text body', '--text: lines of plain text have no use for it: leave it out, or say'],
])('%s is refused, before anything is read', async (line, sentence) => {
  const { status, stdout, stderr } = await runWith(line.split(' '), classifier());
  expect(stderr).toMatch(/^[^\n]+\n$/);
  expect(stderr.slice(0, sentence.length)).toBe(sentence);
  expect({ status, stdout }).toEqual({ status: 1, stdout: '' });
});

test('an option of how files are read is taken where one of them, or an unknown one, has use for it', () => {
  const refused = (args: object, paths: string[], format?: 'csv' | 'text' | 'parquet') => {
    try {
      expectUsed(args, paths, { format });
      return false;
    } catch {
      return true;
    }
  };
  expect(refused({ delimiter: ';' }, ['a.txt.gz', 'b.parquet'])).toBe(true);
  expect(refused({ delimiter: ';' }, ['a.txt', 'b.csv.gz'])).toBe(false);
  expect(refused({ delimiter: ';' }, ['a.txt', 'mails/*'])).toBe(false);
  expect(refused({ delimiter: ';' }, ['a.txt'], 'csv')).toBe(false);
  expect(refused({ delimiter: ';' }, ['-'])).toBe(true);
  expect(refused({ encoding: 'latin1' }, ['a.parquet'])).toBe(true);
  expect(refused({ encoding: 'latin1', text: 1 }, ['a.csv'])).toBe(false);
  expect(refused({ text: 'body' }, ['a.csv'], 'text')).toBe(true);
});
