import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseCsv } from '../../../src/data/formats/csv/csv.js';
import { readBatches, type ExampleOptions } from '../../../src/data/formats/examples.js';
import { readExamples } from '../../../src/index.js';
import { UserError } from '../../../src/errors.js';
import { collect, useScratch } from '../scratch.js';
import { tries } from '../../effort.js';

const scratch = useScratch();
const columns: ExampleOptions = { text: 'text', label: 'label' };
const csv = { delimiter: ',', source: { path: 'a.csv', format: 'csv' } } as const;

async function read(
  files: Record<string, string | Uint8Array>,
  options = columns,
  patterns = Object.keys(files),
) {
  const { dir, path } = await scratch(files);
  const examples = await collect(readExamples(patterns.map(path), options));
  return examples.map((each) => ({ ...each, source: each.source.slice(dir.length + 1) }));
}

async function refuse(
  files: Record<string, string | Uint8Array>,
  options = columns,
  patterns?: string[],
): Promise<string> {
  const error: unknown = await read(files, options, patterns).catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(UserError);
  return (error as Error).message.replace(/"?\/\S*lockstep-data-\w+\//g, '');
}

describe('CSV', () => {
  it('gives text and label by the names in the header, with each row’s line', async () => {
    const csv = 'id,label,text\n1,spam,"two\r\nlines, and ""quotes"""\n\n2,ham,plain\r\n3,ham,""';
    expect(await read({ 'a.csv': csv })).toEqual([
      { text: 'two\r\nlines, and "quotes"', label: 'spam', source: 'a.csv', line: 2, row: 1 },
      { text: 'plain', label: 'ham', source: 'a.csv', line: 5, row: 2 },
      { text: '', label: 'ham', source: 'a.csv', line: 6, row: 3 },
    ]);
  });

  it('reads TSV, gzip and byte order marks', async () => {
    const tsv = '\uFEFFtext\tlabel\na, b\tx\n';
    const gzipped = Buffer.concat([gzipSync('text,label\nc,'), gzipSync('y\n')]);
    const examples = await read({ 'a.tsv': tsv, 'b.csv.gz': gzipped });
    expect(examples.map(({ text, label }) => [text, label])).toEqual([
      ['a, b', 'x'],
      ['c', 'y'],
    ]);
  });

  it('gives no labels where none are asked for', async () => {
    expect(await read({ 'a.csv': 'text\nhi\n' }, { text: 'text' })).toEqual([
      { text: 'hi', source: 'a.csv', line: 2, row: 1 },
    ]);
  });

  it('finds the same rows and lines however the text is cut into pieces', async () => {
    const cell = fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', '\r', '\r\n', ' ', 'é') });
    const table = fc.array(fc.tuple(cell, cell), { minLength: 1, maxLength: 8 });
    const cuts = fc.array(fc.nat(200), { maxLength: 10 });
    await fc.assert(
      fc.asyncProperty(table, cuts, fc.constantFrom('\n', '\r\n'), async (rows, at, end) => {
        const quote = (text: string): string => `"${text.replaceAll('"', '""')}"`;
        const text = rows.map(([a, b]) => `${quote(a)},${quote(b)}${end}`).join('');
        let line = 1;
        const expected = rows.map((cells) => {
          const from = line;
          line += 1 + cells.join('\0').split(/\r\n|\n|\r/).length - 1;
          return { cells, line: from };
        });
        const ends = [...at, text.length].sort((a, b) => a - b);
        const pieces = ends.map((stop, i) => text.slice(i === 0 ? 0 : ends[i - 1], stop));
        const parsed = await collect(parseCsv(from(pieces.filter(Boolean)), csv));
        expect(parsed.flatMap(({ rows }) => rows)).toEqual(expected);
      }),
      { numRuns: tries(100) },
    );
  });

  it('names the columns that exist when one is missing, and the nearest', async () => {
    expect(await refuse({ 'a.csv': 'id,Body,class\n' }, { text: 'body' })).toBe(
      'a.csv has no column "body" (did you mean "Body"?); its header names "id", "Body", "class": set data.text to the one that is meant.',
    );
  });

  it('names file and line of a row with a missing or a surplus cell', async () => {
    const good = '"a\nb",x\n'.repeat(3000);
    expect(await refuse({ 'a.csv': `text,label\n${good}only\n${good}` })).toBe(
      'a.csv, line 6002: expected 2 cells as in the header, found 1.',
    );
    expect(await refuse({ 'a.csv': 'text,label\na,b\na,b,c\n' })).toBe(
      'a.csv, line 3: expected 2 cells as in the header, found 3.',
    );
  });

  it('names the exact line of a row that is no CSV, far into a file', async () => {
    const good = '"a\nb",x\n'.repeat(40_000);
    expect(await refuse({ 'a.csv': `text,label\n${good}"q"uote,x\n${good}` })).toBe(
      'a.csv, line 80002: expected "," or the end of the line after a closing quotation mark: if quotation marks are part of the text here, set data.quote to auto.',
    );
    expect(await refuse({ 'a.csv': `text,label\n${good}"open,x\n` })).toBe(
      'a.csv, line 80002: a quotation mark is never closed: if quotation marks are part of the text here, set data.quote to auto.',
    );
  });

  it('refuses a quotation mark that is never closed in time that grows with the row alone', async () => {
    const rows = 'some words,x\n'.repeat(30_000);
    expect(await refuse({ 'a.csv': `text,label\na,b\n"open,x\n${rows}` })).toBe(
      'a.csv, line 3: a quotation mark is never closed, and 30000 lines behind it may belong to the cell: if quotation marks are part of the text here, set data.quote to auto.',
    );
    expect(await refuse({ 'a.csv': `text,label\na,b\n"open,x\n${rows}"a",x\n` })).toBe(
      'a.csv, line 3: expected "," or the end of the line after a closing quotation mark, and 30001 lines behind it may belong to the cell: if quotation marks are part of the text here, set data.quote to auto.',
    );
    const pieces = from(['text\na\n', '"open', ...Array.from(rows.slice(0, 2000))]);
    await expect(collect(parseCsv(pieces, { ...csv, longestRow: 1000 }))).rejects.toThrow(
      'a.csv, line 3: this row is longer than 1000 characters: expected shorter cells, or a quotation mark is never closed; if quotation marks are part of the text here, set data.quote to auto.',
    );
    const valid = from(['text\na\n"', ...Array.from('a,x\n'.repeat(500)), '"\n']);
    await expect(collect(parseCsv(valid, { ...csv, longestRow: 1000 }))).rejects.toThrow(
      'a.csv, line 3: this row is longer than 1000 characters',
    );
    const endless = from(['a\n', 'x'.repeat(2000)]);
    await expect(collect(parseCsv(endless, { ...csv, longestRow: 1000 }))).rejects.toThrow(
      'a.csv, line 2: this line is longer than 1000 characters.',
    );
  });

  it('names file and line of an empty label', async () => {
    expect(await refuse({ 'a.csv': 'text,label\na,\n' })).toBe(
      'a.csv, line 2: expected the name of a class in "label", found nothing.',
    );
  });

  it('refuses damaged and truncated gzip data', async () => {
    const gzipped = gzipSync('text,label\n' + 'a,b\n'.repeat(9999));
    const message = 'a.csv.gz: the gzip data is damaged or cut off.';
    expect(await refuse({ 'a.csv.gz': gzipped.subarray(0, -20) })).toBe(message);
    expect(await refuse({ 'a.csv.gz': gzipped.subarray(0, 3) })).toBe(message);
  });
});

describe('labels of JSONL', () => {
  it('are numbers as they are written, with all their digits', async () => {
    const number = fc.oneof(
      fc.bigInt().map(String),
      fc.constantFrom(
        '1',
        '1.0',
        '1e0',
        '12345678901234567890',
        '12345678901234567891',
        '-0',
        '1E+2',
      ),
      fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => JSON.stringify(value)),
    );
    const other = fc.json({ maxDepth: 2 });
    const key = fc.constantFrom('label', 'meta.class', 'list.1');
    await fc.assert(
      fc.asyncProperty(number, other, key, async (label, value, path) => {
        const [name, member] = {
          label: ['label', label],
          'meta.class': ['meta', `{ "b" : ${value}, "class":${label}}`],
          'list.1': ['list', `[${value} ,${label}]`],
        }[path];
        const row = `{"x": ${value} ,"text":"a \\" \\"label\\":7","${name}" : ${member} }`;
        const found = await read({ 'a.jsonl': `${row}\n` }, { text: 'text', label: path });
        expect(found[0]!.label).toBe(label);
      }),
      { numRuns: tries(40), seed: 1 },
    );
  });

  it('are of a field that stands once', async () => {
    const twice = '{"text":"a","label":1,"x":{"label":2},"label":3}\n';
    expect(await refuse({ 'a.jsonl': twice })).toBe(
      'a.jsonl, line 1: the object has two fields "label".',
    );
    for (const nested of ['"m":{"label":1,"label":2}', '"m":{"label":1},"m":{"label":2}']) {
      const row = `{"text":"a","label":3,${nested}}\n`;
      const refusal = await refuse({ 'a.jsonl': row }, { text: 'text', label: 'm.label' });
      expect(refusal).toBe('a.jsonl, line 1: the object has two fields "m.label".');
    }
    const once = '{"text":"label","label":1,"x":{"label":2}}\n';
    expect(await read({ 'a.jsonl': once })).toMatchObject([{ label: '1' }]);
  });
});

describe('CSV laid out otherwise', () => {
  it.each<[text: string | number, label: string | number, header?: boolean]>([
    ['text', 1],
    [1, 'text'],
    [1, '1', false],
  ])('has not the text %j as the label %j', async (text, label, header = true) => {
    const files = { 'a.csv': 'text,label\na,x\n' };
    expect(await refuse(files, { text, label, header })).toBe(
      `a.csv: expected another column than that of data.text as data.label, got ${JSON.stringify(label)}, which is the same one.`,
    );
  });

  it('may have another delimiter and columns by number', async () => {
    const files = { 'a.csv': 'label;text\nx;a, b\n' };
    const rows = await read(files, { text: 2, label: 1, delimiter: ';' });
    expect(rows).toEqual([{ text: 'a, b', label: 'x', source: 'a.csv', line: 2, row: 1 }]);
    expect(await refuse(files, { text: 3, delimiter: ';' })).toBe(
      'a.csv has 2 columns: expected a number from 1 to 2 as data.text, got 3.',
    );
  });

  it('may have a column named by a number that is another one, which is asked about', async () => {
    const files = { 'a.csv': '0,1,2\nx,ham,y\nz,spam,w\n' };
    expect(await refuse(files, { text: '0', label: 1 })).toBe(
      'a.csv: the column 1 may be the 1. one, "0", or the one named "1": name it in quotation marks.',
    );
    const rows = await read(files, { text: '0', label: '1' });
    expect(rows.map(({ text, label }) => [text, label])).toEqual([
      ['x', 'ham'],
      ['z', 'spam'],
    ]);
    const same = await read({ 'a.csv': '1,2\nx,y\n' }, { text: 1, label: 2 });
    expect(same.map(({ text, label }) => [text, label])).toEqual([['x', 'y']]);
  });

  it('may have no header', async () => {
    const files = { 'a.csv': '\na,x\nb,y\n' };
    const rows = await read(files, { text: 1, label: 2, header: false });
    expect(rows.map(({ text, label, line }) => [text, label, line])).toEqual([
      ['a', 'x', 2],
      ['b', 'y', 3],
    ]);
    expect(await refuse(files, { text: 'text', header: false })).toBe(
      'a.csv is read without a header: expected the number of a column as data.text, got "text".',
    );
    expect(await refuse({ 'a.csv': 'a,x\nb\n' }, { text: 1, header: false })).toBe(
      'a.csv, line 2: expected 2 cells as in the first row, found 1.',
    );
  });
});

describe('JSONL', () => {
  it('gives fields, also nested ones, and classes that are numbers or booleans', async () => {
    const jsonl =
      '{"text":"a\u2028b","label":1}\r\n\n{"text":"c","label":true}\n{"text":"d","label":"x"}';
    const examples = await read({ 'a.jsonl': jsonl });
    expect(examples.map(({ text, label, line }) => [text, label, line])).toEqual([
      ['a\u2028b', '1', 1],
      ['c', 'true', 3],
      ['d', 'x', 4],
    ]);
    const nested = await read({ 'b.jsonl': '{"mail":{"body":"x"}}' }, { text: 'mail.body' });
    expect(nested[0]?.text).toBe('x');
  });

  it('gives places in arrays, and prefers a name with dots to a path', async () => {
    const jsonl = '{"a":{"b":["x",{"c":"y"}]},"a.b.0":"z"}';
    const text = async (path: string) =>
      (await read({ 'a.jsonl': jsonl }, { text: path }))[0]?.text;
    expect(await text('a.b.1.c')).toBe('y');
    expect(await text('a.b.0')).toBe('z');
    expect(await refuse({ 'a.jsonl': jsonl }, { text: 'a.b.length' })).toMatch(/there is no field/);
  });

  it('names file and line of what cannot be used', async () => {
    const line = (json: string) => refuse({ 'a.jsonl': `{"text":"a","label":"b"}\n${json}\n` });
    expect(await line('{"text":')).toMatch(/^a.jsonl, line 2: expected a JSON object, found text/);
    expect(await line('[1]')).toBe('a.jsonl, line 2: expected a JSON object, found an array.');
    expect(await line('{"txt":"a","label":"b"}')).toBe(
      'a.jsonl, line 2: there is no field "text" (did you mean "txt"?); the object has "txt", "label": set data.text to the one that is meant.',
    );
    expect(await line('{"text":5,"label":"b"}')).toBe(
      'a.jsonl, line 2: expected a string in the field "text", found a number.',
    );
    expect(await line('{"text":"a","label":{}}')).toMatch(
      /line 2: expected a string, a number or a boolean as the class in the field "label", found an object/,
    );
    expect(await line('{"text":"a","label":null}')).toMatch(/found null\.$/);
  });

  it('does not take inherited members for fields', async () => {
    expect(await refuse({ 'a.jsonl': '{"a":1}' }, { text: 'constructor.name' })).toMatch(
      /there is no field "constructor.name"/,
    );
  });
});

describe('files', () => {
  it('come in the order of patterns, those of a glob sorted, each once', async () => {
    const files = {
      'b.csv': 'text\nb\n',
      'a.csv': 'text\na\n',
      'B.csv': 'text\nB\n',
      'c.txt': 'c',
    };
    const examples = await read(files, { text: 'text' }, ['c.txt', '*.csv', 'a.csv']);
    expect(examples.map(({ text }) => text)).toEqual(['c', 'B', 'a', 'b']);
  });

  it('may have names that look like globs', async () => {
    expect(await read({ 'a[1].txt': 'x' }, { text: 'text' })).toHaveLength(1);
  });

  it('must exist, match and tell their format', async () => {
    expect(await refuse({}, columns, ['gone.csv'])).toMatch(/^input: there is no file gone.csv/);
    expect(await refuse({}, columns, ['*.csv'])).toMatch(/^input: no file matches \*.csv/);
    expect(await refuse({ 'a.dat': 'x' })).toMatch(/does not tell the file's format/);
    expect(await refuse({}, columns, ['.'])).toMatch(/is a directory: name its files/);
  });

  it('of plain text give their lines, and have no labels', async () => {
    const text = await read({ 'a.txt': '\uFEFFone\r\n\n  two\nthree' }, { text: 'text' });
    expect(text.map((each) => [each.text, each.line, each.row])).toEqual([
      ['one', 1, 1],
      ['  two', 3, 2],
      ['three', 4, 3],
    ]);
    expect(await refuse({ 'a.txt': 'x' })).toMatch(/is plain text, which has no labels/);
  });

  it('of plain text may be taken by paragraph or whole', async () => {
    const files = { 'a.txt': '\n one\r\ntwo \n \t\n\nthree\n' };
    const paragraphs = await read(files, { text: '', textUnit: 'paragraph' });
    expect(paragraphs.map(({ text, line }) => [text, line])).toEqual([
      [' one\ntwo ', 2],
      ['three', 6],
    ]);
    const whole = await read({ ...files, 'b.txt': '\n' }, { text: '', textUnit: 'whole' });
    expect(whole.map(({ text }) => text)).toEqual(['\n one\ntwo \n \t\n\nthree']);
  });

  it('of plain text have no lines that a carriage return alone ends, nor ones that it stands in', async () => {
    const reason = 'expected a line feed where a line ends, found a carriage return alone.';
    const textsOf = async (text: string, textUnit?: 'line' | 'paragraph' | 'whole') =>
      (await read({ 'a.txt': text }, { text: 'text', textUnit })).map((each) => each.text);
    for (const options of [{}, { keep: true }, { textUnit: 'paragraph' }] as const) {
      const reading = { text: 'text', ...options };
      expect(await refuse({ 'a.txt': 'a\nb\rc\r\n' }, reading)).toBe(`a.txt, line 2: ${reason}`);
      expect(await refuse({ 'a.txt': 'a\rb\rc\r' }, reading)).toBe(`a.txt, line 1: ${reason}`);
    }
    const batches = readBatches([(await scratch({ 'a.txt': 'a\nb\rc\nd' })).path('a.txt')], {
      ...{ text: 'text', onBadRow: 'skip', keep: true },
    });
    const all = await collect(batches);
    expect(all.flatMap(({ rows }) => rows.map(({ text }) => text))).toEqual(['a', 'd']);
    expect(all.flatMap(({ bad }) => bad)).toMatchObject([
      { line: 2, reason, raw: 'b\rc', fields: { columns: ['text'], cells: ['b\rc'] } },
    ]);
    expect(await textsOf('a\r\nb\r\r\nc\r')).toEqual(['a', 'b\r', 'c']);
    // One text, whatever stands in it.
    expect(await textsOf('a\rb', 'whole')).toEqual(['a\rb']);
  });

  it('never cut a character where two pieces meet', async () => {
    const text = `x${'é😀猫'.repeat(60_000)}`;
    expect((await read({ 'a.txt': text }, { text: 'text' }))[0]?.text).toBe(text);
  });

  it('stop being read when the reader stops', async () => {
    const { path } = await scratch({ 'a.csv.gz': gzipSync('text\n' + 'some words\n'.repeat(1e5)) });
    for await (const example of readExamples([path('a.csv.gz')], { text: 'text' })) {
      expect(example.row).toBe(1);
      break;
    }
  });
});

async function* from<T>(items: Iterable<T>): AsyncGenerator<T> {
  for (const item of items) yield await Promise.resolve(item);
}
