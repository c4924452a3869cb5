import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { UserError } from '../../../src/errors.js';
import { readTree } from '../../e2e/tree.js';
import { useScratch } from '../scratch.js';
import { configure, makeRows, toCsv, usePreparation } from './corpora.js';

// A preparation that is refused leaves the disk as it was, but for what spares the next one some work.

const scratch = useScratch();
const prepare = usePreparation();
const rows = makeRows(60);

describe('a refused preparation leaves no directory and no file behind', () => {
  it.each<[string, string, Record<string, unknown>]>([
    ['a bad row', `${toCsv(rows)}x,y,z,a\n`, {}],
    ['a quotation mark left open', `${toCsv(rows)}"x,y\n`, {}],
    ['a missing column', toCsv(rows), { text: 'body' }],
    ['no rows', 'text,label\n', {}],
    ['nothing', '', {}],
    ['bytes that are no text', `${toCsv(rows)}\u00e9t\u00e9,ham\n`, {}],
  ])('%s', async (name, content, options) => {
    const { dir, path } = await scratch();
    writeFileSync(path('a.csv'), content, name === 'bytes that are no text' ? 'latin1' : 'utf8');
    const config = configure('classify', {
      train: path('a.csv'),
      storeDir: path('data/stores'),
      ...options,
    });
    const before = readTree(dir);
    await expect(prepare(config)).rejects.toThrow(UserError);
    expect(Object.keys(readTree(dir))).toEqual(Object.keys(before));
    expect(readTree(dir)).toEqual(before);
  });

  it('nor in a store directory that is in use', async () => {
    const { dir, path } = await scratch({
      'a.csv': toCsv(rows),
      'b.csv': `${toCsv(rows)}x,y,z,a\n`,
    });
    const configOf = (train: string) =>
      configure('classify', { train: path(train), storeDir: path('stores') });
    await prepare(configOf('a.csv'));
    const before = readTree(dir);
    await expect(prepare(configOf('b.csv'))).rejects.toThrow(UserError);
    expect(readTree(dir)).toEqual(before);
  });

  it('and keeps what was cut of a sound file beside a faulty one', async () => {
    const { dir, path } = await scratch({
      'a.csv': toCsv(rows),
      'b.csv': `${toCsv(rows)}x,y,z,a\n`,
    });
    const config = configure('classify', { train: path('*.csv'), storeDir: path('stores') }, 1);
    await expect(prepare(config)).rejects.toThrow(UserError);
    const left = Object.keys(readTree(dir)).filter((name) =>
      name.startsWith(join('stores', 'pieces')),
    );
    expect(left.filter((name) => name.endsWith('.piece'))).toHaveLength(1);
    expect(left.filter((name) => name.endsWith('content.json'))).toHaveLength(1);
  });
});
