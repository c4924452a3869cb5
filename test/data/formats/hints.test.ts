import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { type ExampleOptions, readBatches } from '../../../src/data/formats/examples.js';
import { isTwice } from '../../../src/data/formats/json/json-source.js';
import { collect, useScratch } from '../scratch.js';

// A file that is another than its name says, or laid out otherwise, is told by what it is.

const scratch = useScratch();

async function refusalOf(
  name: string,
  content: string | Uint8Array,
  options: Partial<ExampleOptions> = {},
): Promise<string> {
  const { path } = await scratch({ [name]: content });
  const error: unknown = await collect(
    readBatches([path(name)], { text: 'text', ...options }),
  ).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  return error instanceof Error ? error.message.replace(path(name), name) : 'no refusal';
}

describe('a refusal says what a file is', () => {
  it('where its name says that it is compressed', async () => {
    expect(await refusalOf('a.csv.gz', 'text,label\na,b\n')).toBe(
      'a.csv.gz is no gzip data, as its name says: rename it to what it is.',
    );
    expect(await refusalOf('a.csv.zst', 'text,label\na,b\n')).toContain('is no zstd data, as');
    expect(await refusalOf('a.csv.zst', gzipSync('text\na\n'))).toBe(
      'a.csv.zst is no zstd data but gzip data, as its name says: rename it to what it is.',
    );
    expect(await refusalOf('a.csv.gz', gzipSync('text\na\n'))).toBe('no refusal');
  });

  it('where a spreadsheet names its separator', async () => {
    const advice = 'remove it, and set data.delimiter to ";".';
    expect(await refusalOf('a.csv', 'sep=;\ntext;label\na;b\n')).toContain(advice);
    const asked = { delimiter: ';' };
    expect(await refusalOf('a.csv', 'sep=;\ntext;label\na;b\n', asked)).toContain('remove it');
  });

  it('where JSON is an array, or goes on in the next line', async () => {
    const array = 'expected a JSON object, found the start of an array: write each of its items';
    expect(await refusalOf('a.jsonl', '[\n{"text":"a"},\n{"text":"b"}]')).toContain(array);
    expect(await refusalOf('a.jsonl', '[{"text":"a"},\n{"text":"b"}]')).toContain(array);
    expect(await refusalOf('a.jsonl', '[{"text":"a"}]')).toContain(
      'found an array: write each of its items into a line of its own.',
    );
    expect(await refusalOf('a.jsonl', '{\n"text":"a"}')).toContain('found the start of one');
  });
});

describe('a table whose quotation marks are part of the text', () => {
  const advice = /if quotation marks are part of the text here, set data\.quote to auto\.$/;
  const files = {
    'closed by the next one': 'text,label\n"open,x\na,b\n"c"d,e\n',
    'never closed': 'text,label\n"open,x\na,b\n',
    'closed where a cell ends': 'text,label\n"open,x\na,b\nc",d,e\n',
    'within a line': 'text,label\n"a" b,x\n',
  };

  it.each(Object.entries(files))('is told how to be read: %s', async (_, content) => {
    expect(await refusalOf('a.csv', content)).toMatch(advice);
    const followed = await refusalOf('a.csv', content, { quote: 'auto' });
    expect(followed).toMatch(
      content.includes('d,e') && !content.includes('"c"') ? /found 3\.$/ : /^no refusal$/,
    );
  });

  it('is told of its delimiter where that follows quoted cells', async () => {
    for (const delimiter of [';', '\t', '|']) {
      const content = `"text"${delimiter}"label"\n"a"${delimiter}"b"\n`;
      expect(await refusalOf('a.csv', content)).toContain(
        `set data.delimiter to ${JSON.stringify(delimiter)}.`,
      );
      expect(await refusalOf('a.csv', content, { delimiter })).toBe('no refusal');
    }
  });
});

it('halves of characters that JSON writes as escapes are refused, whole ones are not', async () => {
  const found = (field: string) =>
    `expected whole characters in the field "${field}", found half of one: \\ud800.`;
  const one = { text: 'text', label: 'label' };
  const several = { ...one, labelSeparator: '|' };
  const tagged = { ...one, tagged: true, columns: ['pos'] };
  for (const [options, field, json] of [
    [one, 'text', '{"text":"a\\ud800","label":"x"}'],
    [one, 'label', '{"text":"a","label":"\\uD800 x"}'],
    [several, 'label', '{"text":"a","label":["x","\\ud800"]}'],
    [tagged, 'tokens', '{"tokens":["\\ud800"],"tags":["O"],"pos":["X"]}'],
    [tagged, 'tags', '{"tokens":["a"],"tags":["\\ud800"],"pos":["X"]}'],
    [tagged, 'pos', '{"tokens":["a"],"tags":["O"],"pos":["\\ud800"]}'],
  ] as const) {
    const valid = json.replace(/\\ud800/i, '\\ud83d\\ude00 \\\\ud800');
    expect(await refusalOf('a.jsonl', `${json}\n`, options)).toContain(found(field));
    expect(await refusalOf('a.jsonl', `${valid}\n`, options)).toBe('no refusal');
  }
});

it('members that stand twice are found however their names are written', async () => {
  for (const other of ['"\\u0074ext"', '"t\\u0065xt"', '"tex\\u0074" ']) {
    expect(isTwice(`{"text":"a",${other}:"b"}`, 'text')).toBe(true);
    expect(isTwice(`{${other}:"b","text":"a"}`, 'text')).toBe(true);
    expect(isTwice(`{${other}:"b","label":"a"}`, 'text')).toBe(false);
  }
  expect(isTwice('{"text":"a\\n\\"\\u0074ext\\": ","label":"a"}', 'text')).toBe(false);
  expect(await refusalOf('a.jsonl', '{"text":"a","\\u0074ext":"b"}')).toContain(
    'the object has two fields "text".',
  );
});
