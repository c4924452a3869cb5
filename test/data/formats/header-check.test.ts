import { readdir } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/load.js';
import { findColumn } from '../../../src/data/formats/columns.js';
import { checkEncodings } from '../../../src/data/input/encoding-check.js';
import { planCorpus } from '../../../src/data/prepare/plan.js';
import { useScratch } from '../scratch.js';

const scratch = useScratch();

describe('the first row of a file whose columns are given by number', () => {
  async function plan(text: string, options: object = {}, name = 'a.csv', task = 'classify') {
    const content = name.endsWith('.gz') ? gzipSync(text) : text;
    const { dir, path } = await scratch({ [name]: content });
    const columns = task === 'translate' ? { source: 1, target: 2 } : { text: 1, label: 2 };
    const data = { train: path(name), ...columns, storeDir: path('stores'), ...options };
    const config = parseConfig(JSON.stringify({ task, data }), 'c.yaml');
    const said: string[] = [];
    const outcome = await planCorpus(config, (message) => said.push(message)).then(
      () => said,
      (error: unknown) => (error as Error).message,
    );
    expect(await readdir(dir)).toEqual([name]);
    return JSON.parse(JSON.stringify(outcome).replaceAll(`${dir}/`, '')) as string | string[];
  }
  const rows = 'good day,ham\nbuy now,spam\n"see, you",ham\n';

  it('is refused as a header where it has a class of rows below', async () => {
    const sentence =
      'data.train: the first row of a.csv is data, not the names of columns: its column 2 is "ham", as in rows below; set data.header to false.';
    expect(await plan(rows)).toBe(sentence);
    expect(await plan(rows, {}, 'a.csv.gz')).toBe(sentence.replace('a.csv', 'a.csv.gz'));
    expect(await plan(rows.replaceAll(',', ';'), { delimiter: ';' })).toMatch(
      /is data, not the names/,
    );
  });

  it('is named where nothing tells what it is', async () => {
    const sentence = (names: string) =>
      `a.csv: the first row is taken for the names of columns, and calls ${names}; if it is data, set data.header to false.`;
    const header = `body,class\n${rows}body,class\nx,class\n`;
    expect(await plan(header.replace('x,class\n', ''))).toEqual([
      sentence('column 1 "body" and 2 "class"'),
    ]);
    expect(await plan('first row,only\na,b\nc,d\n')).toEqual([
      sentence('column 1 "first row" and 2 "only"'),
    ]);
  });

  it('may have a name that is a translation below', async () => {
    expect(await plan('Deutsch,English\nenglisch,English\n', {}, 'a.csv', 'translate')).toEqual([
      expect.stringContaining('calls column 1 "Deutsch" and 2 "English"'),
    ]);
  });

  it('is no matter where columns have names, or the file has none', async () => {
    expect(await plan(rows, { header: false })).toEqual([]);
    expect(await plan(`text,label\n${rows}`, { text: 'text', label: 'label' })).toEqual([]);
    expect(await plan('')).toEqual([]);
  });
});

describe('a file that is read as latin1', () => {
  const said = async (content: string | Uint8Array) => {
    const { path } = await scratch({ 'a.csv': content });
    const heard: string[] = [];
    const source = { path: path('a.csv'), format: 'csv' } as const;
    await checkEncodings([source], 'latin1', (message) => heard.push(message));
    return heard.map((message) => message.replace(path('a.csv'), 'a.csv'));
  };

  it('is told to be UTF-8 where it is, also where its start ends within a character', async () => {
    const notice =
      'a.csv is read as latin1, but its bytes are UTF-8: if that is meant, leave data.encoding out.';
    expect(await said('text,label\nnaïve,x\n')).toEqual([notice]);
    expect(await said(`x${'é'.repeat(2 ** 19 + 2 ** 17)}`)).toEqual([notice]);
    expect(await said(Buffer.from('text,label\nnaïve,x\n', 'latin1'))).toEqual([]);
    expect(await said('text,label\nnative,x\n')).toEqual([]);
  });

  it('is told, too, where it has the translations of one that is no UTF-8', async () => {
    const { path } = await scratch({
      'a.de': Buffer.from('na\u00efv', 'latin1'),
      'a.en': 'na\u00efve',
    });
    const heard: string[] = [];
    const side = (name: string) => ({ path: path(name), format: 'text' }) as const;
    const pair = { ...side('a.de'), target: side('a.en') };
    await checkEncodings([pair], 'latin1', (message) => heard.push(message));
    expect(heard).toEqual([expect.stringContaining('a.en is read as latin1, but')]);
  });
});

describe('a column that is missing', () => {
  it('is told with the key that names it, or with the delimiter that divides the header', () => {
    const find = (header: string[]) => () => findColumn(header, 'label', 'a.csv', 'data.label');
    expect(find(['id', 'text'])).toThrow(
      'a.csv has no column "label"; its header names "id", "text": if that is data, give the file a header, else set data.label to the one that is meant.',
    );
    for (const delimiter of [';', '\t', '|']) {
      expect(find([['text', 'label'].join(delimiter)])).toThrow(
        `it looks divided by ${JSON.stringify(delimiter)}, so set data.delimiter to that.`,
      );
    }
  });
});
