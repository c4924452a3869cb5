import { spawnSync } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createTally } from '../../../src/data/prepare/work/tally.js';
import { joinPreparation } from '../../../src/data/prepare/work/works.js';
import type { TrainEvent } from '../../../src/events.js';
import { packageFile } from '../../../src/package-root.js';
import { useScratch } from '../scratch.js';
import { configure, makeRows, toCsv, toJsonLines, usePreparation } from './corpora.js';

const scratch = useScratch();
const prepare = usePreparation();

/** JSON Lines of which some are no objects, and some lack the text. */
function withFaults(lines: string, every: number, first: number): string {
  return lines
    .split('\n')
    .map((line, i) => {
      if (line === '' || i < first || (i - first) % every > 0) return line;
      return i % 2 === 0 ? '{"label":"ham"}' : 'no JSON';
    })
    .join('\n');
}

const good = toJsonLines(makeRows(200));
const files = {
  'a.jsonl': good,
  'b.jsonl': withFaults(good, 9, 120),
  'c.jsonl': withFaults(good, 5, 0),
};

/** As `withFaults` makes them: lines of b.jsonl and c.jsonl. */
const faults = { b: [120, 129, 138, 147, 156, 165, 174, 183, 192], c: 40 };

describe('a bad row', () => {
  it('is an error that names the first one in the order of the files, with its true line', async () => {
    const place = await scratch(files);
    for (const workers of [1, 2, 5]) {
      const storeDir = place.path(`stores-${workers}`);
      const config = configure('classify', { train: place.path('*.jsonl'), storeDir }, workers);
      await expect(prepare(config)).rejects.toThrow(
        `${place.path('b.jsonl')}, line 121: there is no field "text"`,
      );
    }
  });

  it('is left out and counted when it is to be skipped, and moves no other row', async () => {
    const place = await scratch({ ...files, 'whole.jsonl': good });
    const prepareOne = async (name: string, onBadRow: string) => {
      const data = {
        train: place.path(name),
        validation: 0,
        storeDir: place.path(`stores-${name}`),
      };
      return prepare(configure('classify', { ...data, onBadRow }));
    };
    const { corpus, events } = await prepareOne('b.jsonl', 'skip');
    const whole = (await prepareOne('whole.jsonl', 'error')).corpus;
    expect(corpus.train.rows).toBe(200 - faults.b.length);
    expect(corpus.manifest.sources).toMatchObject([{ rows: 191, badRows: 9 }]);
    expect(whole.train.rows).toBe(200);
    const left = await Promise.all(
      Array.from({ length: 191 }, async (_, i) => (await corpus.train.locate(i)).row),
    );
    expect(left).toEqual(
      Array.from({ length: 200 }, (_, i) => i + 1).filter((row) => !faults.b.includes(row - 1)),
    );
    expect(events.at(-1)).toEqual({
      type: 'notice',
      message: '9 rows were left out, because they cannot be used.',
    } satisfies TrainEvent);
    expect(await readdir(corpus.storeDir)).not.toContain('quarantine.jsonl');
  });

  it('is kept with its place and the reason when it is to be quarantined', async () => {
    const place = await scratch(files);
    const train = place.path('*.jsonl');
    const data = { train, onBadRow: 'quarantine', storeDir: place.path('stores') };
    const { corpus } = await prepare(configure('classify', data));
    const lines = await readFile(join(corpus.storeDir, 'quarantine.jsonl'), 'utf8');
    const rows = lines
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as object);
    expect(rows).toHaveLength(faults.b.length + faults.c);
    expect(rows[0]).toEqual({
      source: place.path('b.jsonl'),
      line: 121,
      row: 121,
      reason: expect.stringContaining('there is no field "text"') as string,
      raw: '{"label":"ham"}',
    });
    expect(rows[1]).toMatchObject({ line: 130, row: 130, raw: 'no JSON' });
    expect(rows.at(-1)).toMatchObject({ source: place.path('c.jsonl'), line: 196, row: 196 });
  });

  it('is one too many beyond the number that is allowed, over all files', async () => {
    const place = await scratch(files);
    const data = { train: place.path('*.jsonl'), onBadRow: 'skip', storeDir: place.path('stores') };
    const most = faults.b.length + faults.c;
    await expect(prepare(configure('classify', { ...data, maxBadRows: most - 1 }))).rejects.toThrow(
      `The corpus has more than ${most - 1} bad rows (data.maxBadRows); the first is ${place.path('b.jsonl')}, line 121: `,
    );
    await prepare(configure('classify', { ...data, maxBadRows: most }));
    // What was cut while bad rows were left out is no way around an error.
    await expect(prepare(configure('classify', { ...data, onBadRow: 'error' }))).rejects.toThrow(
      `${place.path('b.jsonl')}, line 121: there is no field "text"`,
    );
  });

  it('of a stream is told with its true line, however the parts were cut that lie before it', async () => {
    const text = Buffer.from(Array.from({ length: 1500 }, (_, i) => `line ${i}\n`).join(''));
    const broken = Buffer.from(text);
    const places = [900, 1499].map((i) => broken.indexOf(`line ${i}\n`));
    for (const at of places) broken[at] = 0xe9;
    const place = await scratch({ 'a.txt': broken });
    const data = { train: place.path('a.txt'), validation: 0, storeDir: place.path('stores') };
    const configured = (more: object) => configure('language-model', { ...data, ...more });
    await expect(prepare(configured({ onBadRow: 'error' }))).rejects.toThrow(
      `${place.path('a.txt')}, line 901: `,
    );
    await expect(prepare(configured({ onBadRow: 'skip', maxBadRows: 1 }))).rejects.toThrow(
      `the first is ${place.path('a.txt')}, line 901: `,
    );
    const { corpus } = await prepare(configured({ onBadRow: 'quarantine' }));
    const kept = await readFile(join(corpus.storeDir, 'quarantine.jsonl'), 'utf8');
    const lines = kept.trimEnd().split('\n');
    expect(lines.map((line) => (JSON.parse(line) as { line: number }).line)).toEqual([901, 1500]);
  });

  it('of a class that training rows have not is named with its true line', async () => {
    const train = toCsv(makeRows(50));
    const held = toCsv([...makeRows(150), { text: 'x', label: 'new' }, ...makeRows(60)]);
    const place = await scratch({ 'train.csv': train, 'held.csv': held });
    const data = {
      train: place.path('train.csv'),
      validation: [place.path('held.csv')],
      storeDir: place.path('stores'),
    };
    const line = held.slice(0, held.indexOf('"x",new')).split('\n').length;
    expect(line).toBeGreaterThan(152);
    await expect(prepare(configure('classify', data))).rejects.toThrow(
      `${place.path('held.csv')}, line ${line}: the class "new" has no row in the training split`,
    );
  });
});

describe('a CSV that cannot be read by parts', () => {
  it('is read whole, and gives the same rows', async () => {
    // A quotation mark that stands alone makes the guess of where rows end wrong.
    const rows = Array.from({ length: 300 }, (_, i) =>
      i === 20 ? `5" nail ${i},ham` : `"text\nof ${i}",${i % 2 ? 'ham' : 'spam'}`,
    );
    const place = await scratch({ 'a.csv': `text,label\n${rows.join('\n')}\n` });
    const data = { train: place.path('a.csv'), validation: 0, tokenizer: { kind: 'char' } };
    const whole = await prepare(configure('classify', { ...data, storeDir: place.path('whole') }), {
      extentBytes: 1e6,
      pieceLength: 1e6,
    });
    const parts = await prepare(configure('classify', { ...data, storeDir: place.path('parts') }));
    expect(parts.corpus.train.rows).toBe(300);
    const cut = await readdir(place.path('parts/pieces'), { recursive: true });
    expect(cut.filter((name) => name.includes('extent-000001'))).toEqual([]);
    expect(parts.corpus.manifest.splits).toEqual(whole.corpus.manifest.splits);
  });
});

describe('a place that cannot be written', () => {
  it('is named, by whichever thread meets it', async () => {
    const place = await scratch({ ...files, stores: 'no directory' });
    const data = { train: place.path('a.jsonl'), storeDir: place.path('stores') };
    await expect(prepare(configure('classify', data))).rejects.toThrow(
      `${data.storeDir}: expected a directory, found something else of that name`,
    );
    const { reply } = await fail(data.storeDir);
    expect(reply).toMatchObject({
      refusal: expect.stringContaining(
        `The token store cannot be made in ${data.storeDir}: `,
      ) as string,
    });
  });

  /** Has a worker's code write into what is no directory. */
  async function fail(dir: string) {
    const run = joinPreparation({ tally: createTally(), storeDir: dir });
    const cutting = {
      task: 'classify',
      reading: { text: 'text', label: 'label' },
      tokenizer: { kind: 'byte' },
      features: [],
      marks: [],
      pieceLength: 100,
    } as const;
    const place = await scratch({ 'a.jsonl': good });
    const source = { path: place.path('a.jsonl'), format: 'jsonl' } as const;
    const extent = { start: 0, end: good.length };
    const input = { cutting, source, extent, scratch: dir, dir, name: 'x', refusesBadRows: true };
    return { reply: await run({ name: 'cut', input }) };
  }
});

describe('standard input', () => {
  /** Prepares it in a process of its own. */
  function run(storeDir: string, input: string, options: object = {}) {
    const data = { train: '-', format: 'csv', storeDir, ...options };
    const child = packageFile('test/data/prepare/child.js');
    return spawnSync(process.execPath, [child, JSON.stringify({ task: 'classify', data })], {
      input,
      encoding: 'utf8',
    });
  }

  it.each([
    [
      'a tokenizer that is not there',
      { tokenizer: { kind: 'bpe', file: 'absent.json' } },
      'absent',
    ],
    ['a header that is data', { text: 'text', label: 'absent', header: true }, 'absent'],
    ['rows that cannot be used', { text: 'label', label: 'text' }, 'standard input, line 3'],
  ])('that is refused for %s leaves nothing', async (_, options, why) => {
    const place = await scratch({});
    const { status, stderr } = run(place.path('a/stores'), 'text,label\na,x\n,y\nc,x\n', options);
    expect(status).toBe(1);
    expect(stderr).toContain(why);
    expect(await readdir(place.path('.'))).toEqual([]);
  });

  it('that is refused leaves what another store has of the same', async () => {
    const place = await scratch({});
    const text = toCsv(makeRows(90));
    expect(run(place.path('stores'), text)).toMatchObject({ status: 0, stderr: '' });
    const before = await readdir(place.path('stores'));
    expect(run(place.path('stores'), text, { label: 'absent' }).status).toBe(1);
    expect(await readdir(place.path('stores'))).toEqual(before);
  });

  it('is a corpus like any other', async () => {
    const place = await scratch({});
    expect(run(place.path('stores'), toCsv(makeRows(90)))).toMatchObject({ status: 0, stderr: '' });
    expect(run(place.path('stores'), toCsv(makeRows(80)))).toMatchObject({ status: 0, stderr: '' });
    const names = await readdir(place.path('stores'));
    expect(names.filter((name) => /^stdin-[0-9a-f]{64}$/.test(name))).toHaveLength(2);
    expect(names).toHaveLength(4);
  });
});
