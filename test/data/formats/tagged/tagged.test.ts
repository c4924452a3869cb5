import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  type ExampleOptions,
  readBatches,
  readSource,
} from '../../../../src/data/formats/examples.js';
import { readConllRows } from '../../../../src/data/formats/tagged/conll.js';
import { collect, useScratch } from '../../scratch.js';
import { tries } from '../../../effort.js';

const scratch = useScratch();

const options: ExampleOptions = { text: 'text', label: 'label', tagged: true };

// eslint-disable-next-line @typescript-eslint/require-await -- as a file's are read
async function* pieces(...texts: string[]): AsyncGenerator<string> {
  yield* texts;
}

async function read(name: string, content: string | Buffer, more: Partial<ExampleOptions> = {}) {
  const path = (await scratch({ [name]: content })).path(name);
  const rows = [];
  const bad = [];
  for await (const batch of readBatches([path], { ...options, ...more })) {
    rows.push(...batch.rows);
    bad.push(...batch.bad);
  }
  return {
    rows: rows.map(({ text, label, line }) => [text.split('\n'), label?.split('\n'), line]),
    bad: bad.map(({ line, reason }) => [line, reason]),
  };
}

test('standard input that nobody has said the format of may be objects, and how to say it is told', async () => {
  const refuse = (format?: 'conll') =>
    readBatches(['-'], { ...options, text: 'words', format }).next();
  const said =
    'standard input: the columns of CoNLL files have no names: expected the number of one, from 1, as data.text, got "words"';
  await expect(refuse()).rejects.toThrow(
    `${said}; if it holds JSON Lines, set data.format to jsonl.`,
  );
  await expect(refuse('conll')).rejects.toThrow(`${said}.`);
});

test('standard input that nobody has said the format of and that holds objects is no columns of tokens', async () => {
  const text = '{"tokens": ["a", "b"], "tags": ["X", "O"]}\n';
  const source = { path: '-', format: 'conll', isGuessed: true } as const;
  const refused = collect(readConllRows(pieces('\n', text), source, options));
  await expect(refused).rejects.toThrow(
    'standard input: the first line is a JSON object: expected the columns of CoNLL files; if it holds JSON Lines, set data.format to jsonl.',
  );
  const columns = readConllRows(pieces('{ X\n} O\n'), source, options);
  expect((await collect(columns)).flatMap(({ rows }) => rows)).toHaveLength(1);
});

describe('CoNLL columns', () => {
  test('are sentences of words and tags: the first and the last column, documents passed over', async () => {
    const text = '-DOCSTART- -X- O\n\nthe DT B-NP\ncat NN I-NP\n\n \t\r\nsat\tVB\tB-VP\r\n';
    const { rows } = await read('a.conll', text);
    expect(rows).toEqual([
      [['the', 'cat'], ['B-NP', 'I-NP'], 3],
      [['sat'], ['B-VP'], 7],
    ]);
    expect((await read('a.txt', text)).rows).toEqual(rows);
    expect((await read('a.conll.gz', gzipSync(text))).rows).toEqual(rows);
    expect((await read('a.conll', text, { text: 2, label: 1 })).rows[0]).toEqual([
      ['DT', 'NN'],
      ['the', 'cat'],
      3,
    ]);
  });

  test('that a line lacks are named with the line', async () => {
    const text = 'a X\nb\n\nc X\nd Y Z\n\ne\n\nf X\n';
    await expect(read('bad.conll', text)).rejects.toThrow(
      'bad.conll, line 2: expected 2 columns as in the first line of the sentence, found 1.',
    );
    const { rows, bad } = await read('bad.conll', text, { onBadRow: 'skip' });
    expect(rows).toEqual([[['f'], ['X'], 9]]);
    expect(bad.map(([line]) => line)).toEqual([2, 5, 7]);
    expect(bad[2]![1]).toBe(
      'expected at least 2 columns, since the tag stands behind the token, found 1.',
    );
  });

  test('of which the last is another one than in the first sentence of the file are refused, also in an extent', async () => {
    const text = 'john N B-PER\nruns V O\n\nrome N\n\nrome N B-LOC\n';
    const reason =
      'expected 3 columns as in the first sentence of the file that can be used, since the last one is taken for the tag, found 2.';
    const { rows, bad } = await read('a.conll', text, { onBadRow: 'skip' });
    expect(rows.map(([tokens]) => tokens)).toEqual([['john', 'runs'], ['rome']]);
    expect(bad).toEqual([[4, reason]]);
    const { path } = await scratch({ 'a.conll': text });
    const source = { path: path('a.conll'), format: 'conll' } as const;
    const start = text.indexOf('rome N\n\n');
    const later = readSource(source, options, { start, end: text.length });
    await expect(collect(later)).rejects.toThrow(`a.conll, line 1: ${reason}`);
    expect((await read('a.conll', text, { label: 2 })).rows).toHaveLength(3);
    // Predictions need no tags.
    const answered = await read('a.conll', text, { mayLackLabel: true });
    expect(answered.rows.map(([tokens]) => tokens)).toEqual([['john', 'runs'], ['rome'], ['rome']]);
    expect(answered.bad).toEqual([]);
  });

  test('are as many as in the first sentence that can be used, not in a bad one before it', async () => {
    const text = 'a X\rb Y\n\nc X\nd Y Z\n\ne X\nf Y\n\ng X Y\n\nh X\n';
    const { rows, bad } = await read('a.conll', text, { onBadRow: 'skip' });
    expect(rows.map(([tokens]) => tokens)).toEqual([['e', 'f'], ['h']]);
    expect(bad.map(([line]) => line)).toEqual([1, 4, 9]);
    const { path } = await scratch({ 'a.conll': text });
    const source = { path: path('a.conll'), format: 'conll' } as const;
    for (const part of ['e X', 'g X', 'h X']) {
      const start = text.indexOf(part);
      const skipping = { ...options, onBadRow: 'skip' } as const;
      const later = await collect(readSource(source, skipping, { start, end: text.length }));
      const texts = later.flatMap((batch) => batch.rows.map((row) => row.text));
      expect(texts).toEqual(part === 'e X' ? ['e\nf', 'h'] : ['h']);
    }
  });

  test('of lines that a carriage return alone ends, or stands in, are refused', async () => {
    const reason = 'expected a line feed where a line ends, found a carriage return alone.';
    const { rows, bad } = await read('a.conll', 'a X\nb X\rc Y\n\nd X\r\ne Y\r\r\n', {
      onBadRow: 'skip',
    });
    expect(rows).toEqual([[['d', 'e'], ['X', 'Y'], 4]]);
    expect(bad).toEqual([[2, reason]]);
    await expect(read('a.conll', 'a X\rb Y\r\rc X\r')).rejects.toThrow(`line 1: ${reason}`);
  });

  test('beside these are read, too: the tag is then the last behind all of them, and may be missing', async () => {
    const columns = async (text: string, more: object = {}): Promise<unknown[]> => {
      const path = (await scratch({ 'c.conll': text })).path('c.conll');
      const rows = [];
      const asked = { ...options, columns: [2, 1], ...more };
      for await (const batch of readBatches([path], asked)) rows.push(...batch.rows);
      return rows.map(({ columns: found, label }) => [found, label]);
    };
    expect(await columns('a DT X\nb NN Y\n')).toEqual([[['DT\nNN', 'a\nb'], 'X\nY']]);
    expect(await columns('a DT\n', { mayLackLabel: true })).toEqual([[['DT', 'a'], undefined]]);
    for (const [more, why] of [
      [{}, 'at least 3 columns, since the tag stands behind column 2, which model.features names'],
      [{ columns: [4], label: 3 }, 'at least 4 columns, since model.features names column 4'],
      [{ label: 5 }, 'at least 5 columns, since data.label names column 5'],
      [{ columns: [], text: 4, label: 3 }, 'at least 4 columns, since data.text names column 4'],
    ] as const) {
      await expect(columns('a DT\n', more)).rejects.toThrow(`expected ${why}, found 2.`);
    }
    await expect(columns('a X\n', { columns: ['pos'] })).rejects.toThrow(
      'expected the number of one, from 1, as a column of model.features, got "pos"',
    );
  });

  test('have no names', async () => {
    await expect(read('a.conll', 'a X\n', { text: 'word' })).rejects.toThrow(
      'expected the number of one, from 1, as data.text, got "word"',
    );
  });
});

describe('JSON Lines of tokens', () => {
  test('are read from tokens and tags, or the fields that are named', async () => {
    const text = '{"tokens":["New York","1"],"tags":["B","O"],"text":"New York 1"}\n';
    const row = [['New York', '1'], ['B', 'O'], 1];
    expect((await read('a.jsonl', text)).rows).toEqual([row]);
    const named = '{"w":["New York","1"],"t":["B","O"]}\n';
    expect((await read('b.jsonl', named, { text: 'w', label: 't' })).rows).toEqual([row]);
    expect((await read('c.jsonl', '{"text":["a"],"label":["O"]}')).rows).toEqual([
      [['a'], ['O'], 1],
    ]);
  });

  test('bring further lists, as long as the tokens', async () => {
    const read1 = (text: string) => read('e.jsonl', text, { columns: ['pos'] });
    await expect(read1('{"tokens":["a"],"tags":["O"]}')).rejects.toThrow(
      'there is no field "pos"; the object has "tokens", "tags": set model.features to the one that is meant.',
    );
    await expect(read1('{"tokens":["a"],"tags":["O"],"pos":["X","Y"]}')).rejects.toThrow(
      'expected a text for each of 1 token in the field "pos", found 2.',
    );
    await expect(read1('{"tokens":["a"],"tags":["O"],"pos":[" "]}')).rejects.toThrow(
      'expected texts of characters in the field "pos", found none at place 1.',
    );
    expect((await read1('{"tokens":["a"],"tags":["O"],"pos":["X"]}')).rows).toHaveLength(1);
  });

  test.each([
    ['{"tokens":["a","b"],"tags":["O"]}', 'expected a tag for each of 2 tokens, found 1 tag.'],
    ['{"tokens":["a"]}', 'there is no field "tags"'],
    [
      '{"tokens":"a","tags":["O"]}',
      'expected a list of texts in the field "tokens", found a string.',
    ],
    ['{"tokens":["a",1],"tags":["O","O"]}', 'found a number at place 2.'],
    [
      '{"tokens":["a",""],"tags":["O","O"]}',
      'expected tokens of characters in the field "tokens", found none at place 2.',
    ],
    ['{"tokens":["a\\nb"],"tags":["O"]}', 'found a line end in one at place 1.'],
    ['{"tokens":[],"tags":[]}', 'expected at least one token, found none.'],
    ['["a"]', 'expected a JSON object'],
  ])('that cannot be used are named: %s', async (line, reason) => {
    await expect(read('d.jsonl', `{"tokens":["a"],"tags":["O"]}\n${line}\n`)).rejects.toThrow(
      new RegExp(`d.jsonl, line 2: .*${reason.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')}`),
    );
  });
});

test.each<[name: string, more: Partial<ExampleOptions>, said: string]>([
  ['e.conll', { label: 1 }, '1'],
  ['e.conll', { text: 2, label: 2 }, '2'],
  ['e.jsonl', { label: 'tokens' }, '"tokens"'],
  ['e.jsonl', { text: 'tags' }, '"label"'],
])('tokens are not their own tags: %s with %j', async (name, more, said) => {
  const text = name.endsWith('.jsonl') ? '{"tokens":["a"],"tags":["O"]}\n' : 'a O\n';
  await expect(read(name, text, more)).rejects.toThrow(
    `${name}: expected another column than that of data.text as data.label, got ${said}, which is the same one.`,
  );
  // Whoever asks for no tags in particular goes without.
  const { rows } = await read(name, text, { ...more, mayLackLabel: true });
  expect(rows[0]![1]).toBeUndefined();
});

test('both layouts give the same rows', async () => {
  const word = fc.stringMatching(/^[a-zA-Z0-9é猫]{1,6}$/);
  const sentence = fc.array(fc.tuple(word, fc.constantFrom('O', 'B-X', 'I-X')), { minLength: 1 });
  await fc.assert(
    fc.asyncProperty(fc.array(sentence, { minLength: 1 }), async (sentences) => {
      const conll = sentences.map((each) => each.map((pair) => `${pair.join(' ')}\n`).join(''));
      const json = sentences.map((each) => ({
        tokens: each.map(([token]) => token),
        tags: each.map(([, tag]) => tag),
      }));
      const columns = await read('p.conll', conll.join('\n'));
      const objects = await read('p.jsonl', json.map((each) => JSON.stringify(each)).join('\n'));
      expect(columns.rows.map(([tokens, tags]) => [tokens, tags])).toEqual(
        objects.rows.map(([tokens, tags]) => [tokens, tags]),
      );
    }),
    { numRuns: tries(30) },
  );
});
