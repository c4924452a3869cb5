import { describe, expect, it } from 'vitest';
import { type ExampleOptions, readSource } from '../../../src/data/formats/examples.js';
import { RowError } from '../../../src/data/formats/row-error.js';
import { listSources } from '../../../src/data/input/sources.js';
import { collect, useScratch } from '../scratch.js';

const scratch = useScratch();
const columns: ExampleOptions = { text: 'text', label: 'label' };
const collected: ExampleOptions = { ...columns, onBadRow: 'quarantine' };

it('what comes by standard input, also where that is kept in a file, is said to be of it', () => {
  for (const path of ['-', `stores/stdin-${'0a'.repeat(32)}`]) {
    const { message } = new RowError({ path, format: 'conll' }, 3, 'expected a word.');
    expect(message).toBe('standard input, line 3: expected a word.');
  }
});

it('a file with the name of such a copy that somebody names is called by that', async () => {
  const name = `stdin-${'0a'.repeat(32)}`;
  const { path } = await scratch({ [name]: 'a X\n' });
  const request = { patterns: [path(name)], format: 'conll', key: 'input' } as const;
  const [listed] = await listSources(request, () => undefined);
  const { message } = new RowError(listed!.source, 3, 'expected a word.');
  expect(message).toMatch(new RegExp(`/${name}, line 3: expected a word\\.$`));
});

describe('bad rows', () => {
  async function readBoth(name: string, content: string | Uint8Array) {
    const { path } = await scratch({ [name]: content });
    const [listed] = await listSources(
      { patterns: [path(name)], format: undefined, key: 'input' },
      () => undefined,
    );
    const batches = await collect(readSource(listed!.source, collected));
    return {
      rows: batches.flatMap(({ rows }) => rows.map(({ text, line, row }) => [text, line, row])),
      bad: batches.flatMap(({ bad }) => bad.map(({ line, row, raw }) => [line, row, raw])),
      reasons: batches.flatMap(({ bad }) => bad.map(({ reason }) => reason)),
    };
  }

  it('of a CSV are given apart, with line, number and text, and count as rows', async () => {
    const csv = 'text,label\na,x\nonly\n"b\nc",y,"z\n"\n\nd,\n"e\n",x\n';
    expect(await readBoth('a.csv', csv)).toEqual({
      rows: [
        ['a', 2, 1],
        ['e\n', 9, 5],
      ],
      bad: [
        [3, 2, 'only'],
        [4, 3, '"b\nc",y,"z\n"'],
        [8, 4, 'd,'],
      ],
      reasons: [
        'expected 2 cells as in the header, found 1.',
        'expected 2 cells as in the header, found 3; a quoted cell goes over several lines: ' +
          'if quotation marks are part of the text here, set data.quote to auto.',
        'expected the name of a class in "label", found nothing.',
      ],
    });
  });

  it('of a JSONL are given apart', async () => {
    const jsonl =
      '{"text":"a","label":1}\n{"text"\n\n{"text":1,"label":2}\n{"text":"b","label":" "}\n';
    const { rows, bad, reasons } = await readBoth('a.jsonl', jsonl);
    expect(rows).toEqual([['a', 1, 1]]);
    expect(bad).toEqual([
      [2, 2, '{"text"'],
      [4, 3, '{"text":1,"label":2}'],
      [5, 4, '{"text":"b","label":" "}'],
    ]);
    expect(reasons).toHaveLength(3);
  });

  it('are cut when they are long', async () => {
    const { bad } = await readBoth('a.csv', `text,label\n${'x'.repeat(99_999)}\n`);
    expect(bad).toEqual([[2, 1, 'x'.repeat(4096)]]);
  });

  it('are rows that are no CSV, or repeat the header, among others', async () => {
    const text = 'text,label\na,x\nonly\n"q"uote,x\nb,y\ntext,label\n"o\np"en,x\nc,z\n';
    const { path } = await scratch({ 'a.csv': text });
    const source = { path: path('a.csv'), format: 'csv' } as const;
    const batches = await collect(readSource(source, collected));
    const rows = batches.flatMap((batch) => batch.rows.map((each) => [each.line, each.text]));
    expect(rows).toEqual([
      [2, 'a'],
      [5, 'b'],
      [9, 'c'],
    ]);
    const bad = batches.flatMap((batch) => batch.bad.map(({ line, raw }) => [line, raw]));
    expect(bad).toEqual([
      [3, 'only'],
      [4, '"q"uote,x'],
      [6, 'text,label'],
      [7, '"o\np"en,x'],
    ]);
  });

  it('repeat the header also with other white space or the byte order mark of a joined file', async () => {
    const text = 'text,label\na,x\n\ufefftext,label\nb,y\n text ,label \n\ufeff"text","label"\n';
    const { rows, bad } = await readBoth('a.csv', text);
    expect(rows).toHaveLength(2);
    expect(bad.map(([line]) => line)).toEqual([3, 5, 6]);
  });

  it('of a CSV give no cell or line of them as a row that may belong to another', async () => {
    const cell = '"dear\nsir,y\nand,x\nbye"';
    for (const [bad, lines] of [
      [`${cell}z,x`, 4],
      // A stray quotation mark, behind which a cell begins that is well formed.
      [`"stray,x\nfine,y\n${cell},x`, 6],
    ] as const) {
      const found = await readBoth('a.csv', `text,label\n${bad}\nok,x\nfine,y\n`);
      expect(found.rows.map(([text, line]) => [text, line])).toEqual([
        ['ok', lines + 2],
        ['fine', lines + 3],
      ]);
      expect(found.bad[0]).toEqual([2, 1, bad.split('\n').slice(0, lines).join('\n')]);
      expect(found.reasons[0]).toContain(
        `, and ${lines - 1} lines behind it may belong to the cell: `,
      );
    }
    const cutOff = await readBoth('a.csv', 'text,label\nok,x\n"dear\nsir,y\nand,x\n');
    expect(cutOff.rows.map(([text]) => text)).toEqual(['ok']);
    expect(cutOff.bad).toEqual([[3, 2, '"dear\nsir,y\nand,x']]);
  });

  it('of a CSV keep all that they hold', async () => {
    const { path } = await scratch({
      'a.csv': 'id,text\n1,free\n2\n3,win,x\n4,"wi"n\n5,"wi\nn"n,x\n6,now\n',
    });
    const source = { path: path('a.csv'), format: 'csv' } as const;
    const kept = { text: 'text', onBadRow: 'skip', keep: true } as const;
    const batches = await collect(readSource(source, kept));
    const cells = batches.flatMap(({ bad }) => bad.map(({ fields }) => fields));
    expect(cells).toEqual(
      [
        ['2', ''],
        ['3', 'win,x'],
        ['4', '"wi"n'],
        ['5', '"wi\nn"n,x'],
      ].map((each) => ({ columns: ['id', 'text'], cells: each })),
    );
  });

  it('are errors with their place unless they are asked for', async () => {
    const { path } = await scratch({ 'a.csv': 'text,label\na,x\nonly\n' });
    const source = { path: path('a.csv'), format: 'csv' } as const;
    const error: unknown = await collect(readSource(source, columns)).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(RowError);
    expect(error).toMatchObject({ line: 3, reason: 'expected 2 cells as in the header, found 1.' });
  });
});

describe('a carriage return alone, where other programs end a line, makes a row a bad one', () => {
  const reason = 'expected a line feed where a line ends, found a carriage return alone.';

  it.each(['line', 'paragraph'] as const)('of a plain text by %ss', async (textUnit) => {
    const { path } = await scratch({ 'a.txt': 'one\rtwo\n\nthree\r\n\nfour\r\r\n' });
    const source = { path: path('a.txt'), format: 'text' } as const;
    for (const keep of [false, true]) {
      const options = { text: 'text', textUnit, keep, onBadRow: 'skip' } as const;
      const batches = await collect(readSource(source, options));
      const texts = batches.flatMap(({ rows }) => rows.map(({ text }) => text.trim()));
      expect(texts.filter((text) => text !== '')).toEqual(['three', 'four']);
      expect(batches.flatMap(({ bad }) => bad)).toMatchObject([
        { line: 1, row: 1, reason, raw: 'one\rtwo' },
      ]);
    }
    const whole = collect(readSource(source, { text: 'text', textUnit }));
    await expect(whole).rejects.toThrow(`a.txt, line 1: ${reason}`);
    const asOne = await collect(readSource(source, { text: 'text', textUnit: 'whole' }));
    expect(asOne.flatMap(({ rows }) => rows)).toHaveLength(1);
  });

  it('of two files, in that of them that has it', async () => {
    const { path } = await scratch({
      'a.de': 'eins\nzwei\ndrei\r\n',
      'a.en': 'one\nt\rwo\nthree\n',
    });
    const side = (name: string) => ({ path: path(name), format: 'text' }) as const;
    const source = { ...side('a.de'), target: side('a.en') };
    const options = { text: 'source', label: 'target', labels: 'text' } as const;
    const [batch] = await collect(readSource(source, { ...options, onBadRow: 'skip' }));
    expect(batch!.rows.map(({ text }) => text)).toEqual(['eins', 'drei']);
    expect(batch!.bad).toMatchObject([{ line: 2, reason, raw: 't\rwo', isOfTarget: true }]);
    await expect(collect(readSource(source, options))).rejects.toThrow(`a.en, line 2: ${reason}`);
  });
});
