import { mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { translator } from './predict-stub.js';
import { runWith } from './stub.js';

let folder: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'lockstep-translate-')));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(name: string, content: string | Uint8Array): string {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

const translate = (model: ReturnType<typeof translator>, ...args: string[]) =>
  runWith(['translate', 'runs/x', ...args], model);

test('tables are told by the ends of their names, in any case and compressed, as everywhere', async () => {
  const csv = 'id,source\n1,one\n2,two\n';
  const tsv = csv.replaceAll(',', '\t');
  const files = [
    ...[write('a.csv', csv), write('b.CSV', csv), write('c.TSV', tsv), write('d.tab', tsv)],
    ...[write('e.JSONL', '{"source":"one"}\n{"source":"two"}\n')],
    ...[write('f.CSV.GZ', gzipSync(csv))],
  ];
  for (const file of files) {
    const { status, stdout, stderr } = await translate(translator(), file);
    expect({ file, status, stderr, stdout }).toEqual({
      ...{ file, status: 0, stderr: '', stdout: 'ONE\nTWO\n' },
    });
  }
});

test('what a glob finds is told file by file, and names that tell nothing are plain text', async () => {
  write('a.csv', 'source\none\n');
  write('b.en', 'two\nthree\n');
  write('c.en.gz', gzipSync('four\n'));
  const { stdout } = await translate(translator(), join(folder, '*'));
  expect(stdout).toBe('ONE\nTWO\nTHREE\nFOUR\n');
});

test('a translator of two text files reads a table as one, unless the command line says otherwise', async () => {
  const model = translator('train: { source: a.en, target: a.de }, format: text');
  const table = write('a.csv', 'source\none\n');
  expect((await translate(model, table)).stdout).toBe('ONE\n');
  expect((await translate(model, table, '--format', 'text')).stdout).toBe('SOURCE\nONE\n');
  expect((await translate(model, write('b.en', 'two\n'))).stdout).toBe('TWO\n');
});

test('a file of several translations is replaced where a row with some shows whose it is, not where all its lists are empty', async () => {
  // Nothing to translate in more rows than are looked at together.
  const rows = write('a.jsonl', `${'{"source":""}\n'.repeat(5000)}{"source":"one"}\n`);
  const out = join(folder, 'out.jsonl');
  const again = () => translate(translator(), rows, '--best', '2', '--out', out);
  for (let i = 0; i < 2; i++) expect(await again()).toMatchObject({ status: 0 });
  const written = readFileSync(out, 'utf8');
  const empty = '{"word":"b","note":"","translations":[]}\n';
  const others = [empty, empty.trim(), `${empty}{"word":"c","note":"","translations":["d"]}\n`];
  for (const other of [...others, `${empty}{"word":"c"}\n${written}`]) {
    writeFileSync(out, other);
    expect(await again()).toMatchObject({
      status: 1,
      stderr: `--out: ${out} is there, and nothing shows that translate wrote it: name another file, or add --overwrite\n`,
    });
    expect(readFileSync(out, 'utf8')).toBe(other);
  }
});
