import { readFile, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, test } from 'vitest';
import { loadConfig } from '../../src/config/load.js';
import { prepareCorpus } from '../../src/data/prepare/prepare.js';
import { takeSample } from '../../src/init/sample.js';
import { runWith } from '../commands/stub.js';
import { useScratch } from '../data/scratch.js';

const scratch = useScratch();

/** Rows of a question each, with one of three classes. */
const questions = Array.from({ length: 60 }, (_, i) => ({
  text: `what is the number ${i} of all the things, and where does it stand in row ${i * 7}?`,
  label: ['place', 'number', 'person'][i % 3]!,
}));

/** Runs `init` on files in a directory of their own; gives what it said and the config that it wrote. */
async function init(files: Record<string, string | Uint8Array>, ...options: string[]) {
  const { path } = await scratch(files);
  const names = Object.keys(files).map(path);
  const out = path('config.yaml');
  const outcome = await runWith(['init', ...names, '--out', out, ...options]);
  const config = outcome.status === 0 ? await loadConfig(out) : undefined;
  return { ...outcome, out, config: config!, path };
}

const quote = (cell: string) => (/[",;]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell);
const csv = (rows: readonly (readonly string[])[], delimiter = ',') =>
  `${rows.map((cells) => cells.map(quote).join(delimiter)).join('\n')}\n`;
const labelled = csv([['text', 'label'], ...questions.map(({ text, label }) => [text, label])]);

test.each([300, 3_000, 30_000])(
  'the rate of a translator of %i pairs has risen, and its first weights are forgotten, long before the end',
  async (count) => {
    const words = (i: number) => Array.from({ length: 12 }, (_, k) => `w${(i * (k + 7)) % 97}`).join(' '); // prettier-ignore
    const pairs = Array.from({ length: count }, (_, i) => [words(i), words(i + 1).toUpperCase()]);
    const side = (column: number) => pairs.map((pair) => `${pair[column]!}\n`).join('');
    const { config } = await init({ 'a.de': side(0), 'a.en': side(1) });
    const { batchTokens, epochs, optimizer, averaging } = config.train;
    const steps = (epochs * count * 12) / batchTokens!;
    expect(steps).toBeGreaterThan(500);
    expect(optimizer.schedule.warmupSteps).toBeLessThan(steps / 5);
    expect((averaging as { decay: number }).decay ** steps).toBeLessThan(1e-3);
  },
);

/** Amounts with three digits behind a point, and some below without. */
const unclear = csv([
  ['text', 'price'],
  ...questions.map(({ text }, i) => [text, i % 3 === 0 ? `${100 + i}` : `${1 + i}.${100 + i}`]),
]);

describe('a table', () => {
  test.each([
    ['.', 2.101],
    [',', 2101],
  ])('has the numbers that --decimal-mark %s makes of them', async (mark, number) => {
    const { status, stdout, config, path } = await init(
      { 'data.csv': unclear },
      ...['--decimal-mark', mark],
    );
    expect(status).toBe(0);
    expect(stdout).toContain(`"2.101" is read as ${number}`);
    expect(config.data.decimalMark).toBe(mark);
    const data = { ...config.data, storeDir: path('stores'), validation: 0 };
    const corpus = await prepareCorpus({ ...config, data }, () => undefined);
    const { range } = corpus.manifest.statistics.train;
    expect(range![1]).toBeCloseTo(mark === ',' ? 60_159 : 157, 3);
    await corpus.close();
  });

  test('of which some numbers have decimals behind a comma has points between thousands', async () => {
    const table = csv(
      [
        ['text', 'price', 'weight'],
        ...questions.map(({ text }, i) => [text, `${1 + i}.${100 + i}`, `${i},5`]),
      ],
      ';',
    );
    const { config, stdout } = await init({ 'data.csv': table }, '--label', 'price');
    expect(config).toMatchObject({ task: 'regress', data: { label: 'price', decimalMark: ',' } });
    expect(stdout).toContain('"1.100" is read as 1100, as those of "weight" are written');
  });

  test('gives a classifier by its text and its few classes, and the next command', async () => {
    const { stdout, stderr, out, config, path } = await init({ 'mails.csv': labelled });
    expect(stderr).toBe('');
    expect(config).toMatchObject({
      task: 'classify',
      data: { train: [path('mails.csv')], text: 'text', label: 'label', header: true },
    });
    expect(stdout).toContain('3 classes: number 33.3 %, person 33.3 %, place 33.3 %');
    expect(stdout).toContain(`Wrote ${out}.\nNext: lockstep train --config ${out}\n`);
  });

  test('has ids and dates avoided, and a header that is none told', async () => {
    const rows = questions.map(({ text, label }, i) => [`${i + 1}`, '2024-03-01', text, label]);
    const { config, stdout } = await init({ 'data.csv': csv(rows, ';') });
    expect(config).toMatchObject({
      task: 'classify',
      data: { text: 3, label: 4, header: false, delimiter: ';' },
    });
    expect(stdout).toContain('CSV without a header (a number stands in the first row;');
  });

  test.each([
    // As spreadsheets write columns without a name, and as names that stand twice.
    ['label,text,,', (text: string, label: string) => [label, text, '', ''], 'label', 'text'],
    ['note,note,text,label', (text: string, label: string) => ['x', 'y', text, label], 'label', 'text'], // prettier-ignore
    // As tables are written whose columns nobody has named.
    ['0,1', (text: string, label: string) => [text, label], '1', '0'],
  ])('with the header %s has a header', async (header, cells, label, text) => {
    const rows = questions.map((each) => cells(each.text, each.label));
    const { config, stdout } = await init({ 'data.csv': `${header}\n${csv(rows)}` });
    expect(config).toMatchObject({ task: 'classify', data: { text, label, header: true } });
    expect(stdout).toContain('3 classes: number 33.3 %, person 33.3 %, place 33.3 %');
  });

  test.each(['', 'text;price\n'])(
    'is not divided by the commas of its numbers, where semicolons divide it as well (header %j)',
    async (header) => {
      const rate = (i: number) => ['1,5', '2,0', '3,5'][i % 3]!;
      const rows = questions.map(({ text }, i) => `${text.replaceAll(',', '')};${rate(i)}`);
      const { config } = await init({ 'data.csv': `${header}${rows.join('\n')}\n` });
      expect(config).toMatchObject({ task: 'regress', data: { delimiter: ';', decimalMark: ',' } });
      expect(config.data.text).toBe(header === '' ? 1 : 'text');
    },
  );

  test('that begins with a line for Excel is refused', async () => {
    const { stderr } = await init({ 'data.csv': `sep=;\n${labelled.replaceAll(',', ';')}` });
    expect(stderr).toContain(
      'begins with a line for spreadsheets (sep=), which is no header: remove it',
    );
  });

  test('may have fields within fields, compressed', async () => {
    const lines = questions.map(({ text, label }, i) =>
      JSON.stringify({ id: `q${i}`, mail: { body: text }, kind: { label }, same: 'x' }),
    );
    const { config } = await init({ 'data.jsonl.gz': gzipSync(lines.join('\n')) });
    expect(config).toMatchObject({
      task: 'classify',
      data: { text: 'mail.body', label: 'kind.label' },
    });
  });

  test('may be Parquet', async () => {
    const buffer = parquetWriteBuffer({
      columnData: [
        { name: 'review', data: questions.map(({ text }) => text), type: 'STRING' },
        { name: 'stars', data: questions.map((_, i) => i % 5), type: 'INT32' },
      ],
    });
    const { config, stdout } = await init({ 'data.parquet': new Uint8Array(buffer) });
    expect(config).toMatchObject({ task: 'classify', data: { text: 'review', label: 'stars' } });
    expect(stdout).toContain('--task regress takes them for amounts');
  });

  test('with several labels in a cell gives a model of sets of labels', async () => {
    const sets = questions.map(({ text }, i) => [
      text,
      ['a', 'b', 'c', 'd'].filter((_, bit) => (i >> bit) & 1).join('|'),
    ]);
    const { config } = await init({ 'data.csv': csv([['text', 'topics'], ...sets]) });
    expect(config).toMatchObject({
      task: 'multi-label',
      data: { label: 'topics', labelSeparator: '|' },
    });
  });

  test('with amounts gives a model of numbers', async () => {
    const rows = questions.map(({ text }, i) => [text, (i * 1.25).toFixed(2)]);
    const { config } = await init({ 'data.csv': csv([['text', 'price'], ...rows]) });
    expect(config).toMatchObject({ task: 'regress', data: { label: 'price' } });
  });

  test('with nothing to tell gives a language model', async () => {
    const rows = questions.map(({ text }) => [text]);
    const { config, stdout } = await init({ 'data.csv': csv([['text'], ...rows]) });
    expect(config.task).toBe('language-model');
    expect(stdout).toContain('--label names one that is to be learned');
  });

  test('is read as who knows it says', async () => {
    const rows = questions.map(({ text, label }, i) => [text, label, String(i % 4)]);
    const table = csv([['text', 'label', 'stars'], ...rows]);
    const { config } = await init({ 'data.csv': table }, '--label', 'stars', '--task', 'regress');
    expect(config).toMatchObject({ task: 'regress', data: { text: 'text', label: 'stars' } });
  });

  test('of other characters than UTF-8 is read as Windows writes them', async () => {
    const bytes = Buffer.from(labelled.replaceAll('number', 'caf\u00e9'), 'latin1');
    const { config } = await init({ 'data.csv': bytes });
    expect(config.data.encoding).toBe('windows-1252');
  });

  test.each(['utf-16le', 'utf-16be'])('of %s without a mark is read as such', async (encoding) => {
    const bytes = Buffer.from(labelled, 'utf16le');
    const { config } = await init({
      'data.csv': encoding === 'utf-16le' ? bytes : bytes.swap16(),
    });
    expect(config.data).toMatchObject({ encoding, text: 'text', label: 'label' });
  });

  test('whose classes have blanks around them has that told', async () => {
    const { stdout } = await init({ 'data.csv': labelled.replaceAll(/,(\w+)\n/g, ', $1\n') });
    expect(stdout).toContain('3 classes of "label" begin or end with a blank (" place")');
  });

  test('of two languages has its target called so', async () => {
    const rows = questions.map(({ text }) => [text, text.toUpperCase()]);
    const { stdout } = await init({ 'data.csv': csv([['en', 'de'], ...rows]) });
    expect(stdout).toContain('"de": target, ');
  });

  test('has rows without a label left out, and told', async () => {
    const rows = questions.map(({ text, label }, i) => [text, i % 10 === 0 ? '' : label]);
    const { config, stdout } = await init({ 'data.csv': csv([['text', 'label'], ...rows]) });
    expect(config.data.onBadRow).toBe('skip');
    expect(stdout).toContain('"label": label, few values: 3 different, empty in 6 rows');
  });

  test('with a class of one row holds out such a share that the row is trained on', async () => {
    let held = 0;
    for (let i = 0; i < 60; i += 7) {
      const rows = questions.map(({ text, label }, row) => [text, row === i ? 'rare' : label]);
      const made = await init({ 'data.csv': csv([['text', 'label'], ...rows]) });
      const { config, stderr } = made;
      if (made.status !== 0) expect(stderr).toContain('some class has so few rows');
      else held += Number(config.data.validation) > 0 ? 1 : 0;
    }
    expect(held).toBeGreaterThan(5);
  });
});

test('of a large file the first rows are looked at, and about how many there are is told', async () => {
  const { path } = await scratch();
  const rows = Array.from({ length: 3000 }, (_, i) => questions[i % 60]!);
  const lines = rows.map(({ text, label }) => `"${text}",${label}`);
  await writeFile(path('data.csv'), `text,label\n${lines.join('\n')}\n`);
  await writeFile(path('data.csv.gz'), gzipSync(await readFile(path('data.csv'))));
  for (const name of ['data.csv', 'data.csv.gz']) {
    const sample = await takeSample(path(name), { mostRows: 100 });
    expect(sample.rows).toBe(99);
    expect(sample.allRows / 3000).toBeGreaterThan(0.8);
    expect(sample.allRows / 3000).toBeLessThan(1.25);
  }
});

test('columns of tagged tokens give a tagger, whose further columns are read beside', async () => {
  const sentence = 'the DT B-NP\ncat NN I-NP\nsleeps VBZ B-VP\n. . O\n\n';
  const { config, stdout } = await init({ 'train.txt': sentence.repeat(30) });
  expect(config).toMatchObject({ task: 'tag', data: { format: 'conll' }, train: { bestBy: 'f1' } });
  expect(config.model.features[0]).toMatchObject({ kind: 'column', column: 2 });
  expect(stdout).toContain('4 tags: ');
});

test('lists of tokens and tags give a tagger', async () => {
  const line = JSON.stringify({ tokens: ['the', 'cat'], tags: ['O', 'O'] });
  const other = JSON.stringify({ tokens: ['a', 'dog', 'runs'], tags: ['O', 'B-X', 'O'] });
  const { config } = await init({ 'train.jsonl': `${line}\n${other}\n`.repeat(20) });
  expect(config).toMatchObject({ task: 'tag', data: { text: 'tokens', label: 'tags' } });
});

test('two texts of as many lines give a translator, with files to validate on by their names', async () => {
  const lines = (word: string) =>
    questions.map((_, i) => `${word} of the line ${i} that is here`).join('\n');
  const files = {
    'train.de': lines('Wort'),
    'train.en': lines('word'),
    'valid.de': lines('Satz'),
    'valid.en': lines('sentence'),
  };
  const { config, path } = await init(files);
  expect(config).toMatchObject({
    task: 'translate',
    data: { train: [{ source: [path('train.de')], target: [path('train.en')] }] },
  });
  expect(config.data.validation).toEqual([
    { source: [path('valid.de')], target: [path('valid.en')] },
  ]);
  const single = Object.fromEntries(Object.entries(files).filter(([name]) => name !== 'valid.en'));
  expect((await init(single)).stderr).toMatch(
    /valid\.de: expected one text and its translation to validate on, found 1 file: name two/,
  );
  const tests = ['test2016.de', 'test2016.en', 'test2017.de', 'test2017.en'];
  const many = Object.fromEntries(tests.map((name) => [name, lines('Satz')]));
  expect((await init({ ...files, ...many })).stderr).toContain('to test, found 4 files: name two');
  const uneven = await init({ 'a.de': lines('Wort'), 'a.en': `${lines('word')}\nmore` });
  expect(uneven.stderr).toContain('expected as many lines, which belong together, found 60 and 61');
});

test('a plain text gives a language model, and no translator without a second one', async () => {
  const files = { 'book.txt': 'It was a dark and stormy night.\n'.repeat(200) };
  const { config } = await init(files);
  expect(config.task).toBe('language-model');
  expect((await init(files, '--task', 'translate')).stderr).toContain(
    'got translate, which takes two such files: the second has the translations, line by line',
  );
});

describe('what cannot be is refused in a sentence', () => {
  test.each([
    ['an empty file', { 'data.csv': '' }, [], 'expected rows to look at, found none'],
    ['numbers alone', { 'data.csv': 'a,b\n1,2\n3,4\n5,9\n' }, [], 'expected a column with texts'],
    ['a header alone', { 'data.csv': 'text,label\n' }, [], 'expected rows below the first one'],
    [
      'a comment before the header',
      { 'data.csv': `# exported 2020\n${labelled}` },
      [],
      'found first 1 cell ("# exported 2020"): remove that line, or mend it',
    ],
    [
      'a table whose texts have the delimiter in them',
      {
        'data.csv': labelled
          .replaceAll(', and', ' and')
          .replaceAll('"', '')
          .replaceAll(/[47] of all/g, '4, of all'),
      },
      [],
      'found others in 12 of 61: cells with "," in them have to be quoted',
    ],
    [
      'amounts of which nobody could know whether points stand between thousands',
      { 'data.csv': unclear },
      [],
      'expected numbers in "price" that can be read in one way, found "2.101", which may be 2.101 or 2101: --decimal-mark . or --decimal-mark , decides\n',
    ],
    [
      'the same of few, which may be classes',
      {
        'data.csv': csv([
          ['text', 'price'],
          ...questions.map(({ text }, i) => [text, ['1.250', '2.500', '3'][i % 3]!]),
        ]),
      },
      [],
      '--decimal-mark . or --decimal-mark , decides, --task classify takes each for a class',
    ],
    [
      'the same where numbers are asked for',
      { 'data.csv': unclear },
      ['--task', 'regress'],
      '--decimal-mark . or --decimal-mark , decides\n',
    ],
    [
      'decimals behind another mark than the user says',
      { 'data.csv': unclear.replaceAll(/,1\d\d\n/g, ',0.5\n') },
      ['--decimal-mark', ','],
      '--decimal-mark: expected the one that the numbers of "price" have, got "," for numbers such as "0.5"',
    ],
    [
      'decimals of classes',
      { 'data.csv': labelled },
      ['--decimal-mark', ','],
      '--decimal-mark: expected a column of numbers to learn, got "label"',
    ],
    ['a list in JSON', { 'data.json': '[]' }, [], 'expected JSON Lines'],
    ['a short text', { 'data.txt': 'once upon\n' }, [], 'expected at least 1,000 characters'],
    [
      'a column that is not there',
      { 'data.csv': labelled },
      ['--label', 'klass'],
      '--label: expected a column of',
    ],
    [
      'a text as number',
      { 'data.csv': labelled },
      ['--task', 'regress', '--label', 'label'],
      'expected numbers in "label"',
    ],
    ['tags of a table', { 'data.csv': labelled }, ['--task', 'tag'], 'for the task tag'],
  ] as [string, Record<string, string>, string[], string][])(
    '%s',
    async (_, files, options, sentence) => {
      const { status, stderr } = await init(files, ...options);
      expect(status).toBe(1);
      expect(stderr).toContain(sentence);
      expect(stderr.trim().split('\n')).toHaveLength(1);
    },
  );

  test('a config that is there is not replaced, unless it is to be', async () => {
    const { path } = await scratch({ 'mails.csv': labelled });
    const out = path('mine.yaml');
    await writeFile(out, 'precious');
    const words = ['init', path('mails.csv'), '--out', out];
    const { status, stderr } = await runWith(words);
    expect([status, await readFile(out, 'utf8')]).toEqual([1, 'precious']);
    expect(stderr).toContain('add --overwrite to replace it');
    expect((await runWith([...words, '--overwrite'])).status).toBe(0);
    expect(await readFile(out, 'utf8')).toContain('task: classify');
  });
});
