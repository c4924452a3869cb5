import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import { setImmediate, setTimeout } from 'node:timers/promises';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readMembers, textOfValue } from '../../src/data/formats/json/json-members.js';
import { collect } from '../data/scratch.js';
import { readExamples } from '../../src/index.js';
import { runWith, stubLanguageModel } from './stub.js';
import { added, classifier, ham, json, spam } from './predict-stub.js';
import { tries } from '../effort.js';

let folder: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'lockstep-predict-')));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(name: string, content: string | Uint8Array): string {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

describe('predictions keep all that their input holds', () => {
  test('columns of a CSV as they are written, in their order', async () => {
    const csv = 'id,label,body,label_2\n0071,spam,"free, money", x\n1e999,ham,"a ""b""",\n';
    const { status, stdout } = await runWith(
      ['predict', 'runs/x', write('a.csv', csv)],
      classifier(),
    );
    expect(status).toBe(0);
    expect(stdout).toBe(
      `id,label,body,label_2,${added}\n0071,spam,"free, money"," x",${spam}\n1e999,ham,"a ""b""",,${ham}\n`,
    );
  });

  test('fields of an object, as they are written', async () => {
    const lines = [
      '{"id": 12345678901234567890, "body": "money", "n": 1.10, "tags": ["a,}", {"b": null}]}',
      ' {"body":"x","__proto__":{"a":"\\"}"}} ',
    ];
    const file = write('a.jsonl', `${lines.join('\n')}\n`);
    const { stdout } = await runWith(['predict', 'runs/x', file, '--to', 'jsonl'], classifier());
    expect(stdout).toBe(
      `${lines[0]!.slice(0, -1)},${json.spam}}\n{"body":"x","__proto__":{"a":"\\"}"},${json.ham}}\n`,
    );
    const odd = await runWith(['predict', 'runs/x', file], classifier());
    expect(odd.status).toBe(1);
    expect(odd.stderr).toContain('line 2: there is a column "__proto__", which the first row has');
    const [first] = lines;
    const table = await runWith(['predict', 'runs/x', write('b.jsonl', first!)], classifier());
    expect(table.stdout).toBe(
      `id,body,n,tags,${added}\n12345678901234567890,money,1.10,"[""a,}"", {""b"": null}]",${spam}\n`,
    );
  });

  test('and rows of several files under the names of the first', async () => {
    const files = [
      write('a.csv', 'id,body\n1,x\n'),
      write('b.tsv', 'body\tid\nmoney\t2\n'),
      write('c.csv', 'body\nx\n'),
    ];
    const both = await runWith(['predict', 'runs/x', ...files.slice(0, 2)], classifier());
    expect(both.stdout).toBe(`id,body,${added}\n1,x,${ham}\n2,money,${spam}\n`);
    const lacking = await runWith(['predict', 'runs/x', ...files], classifier());
    expect(lacking.status).toBe(1);
    expect(lacking.stderr).toContain('c.csv, line 2: there is no column "id"');
    const objects = await runWith(['predict', 'runs/x', ...files, '--to', 'jsonl'], classifier());
    expect(objects.stdout).toBe(
      `{"id":"1","body":"x",${json.ham}}\n{"body":"money","id":"2",${json.spam}}\n{"body":"x",${json.ham}}\n`,
    );
  });

  test('and of members that an object has twice none in a table', async () => {
    const file = write('a.jsonl', '{"body":"x","d":1,"d":2}\n');
    const refused = await runWith(['predict', 'runs/x', file, '--to', 'csv'], classifier());
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain(
      'a.jsonl, line 1: the object has two fields "d", which a table cannot keep: expected --to jsonl',
    );
    const kept = await runWith(['predict', 'runs/x', file, '--to', 'jsonl'], classifier());
    expect(kept.stdout).toBe(`{"body":"x","d":1,"d":2,${json.ham}}\n`);
  });

  test('and never two columns of one name', async () => {
    const file = write('a.csv', 'body,predicted\nx,old\n');
    const refused = await runWith(['predict', 'runs/x', file], classifier());
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain('has a column "predicted" already');
    const { stdout } = await runWith(['predict', 'runs/x', file, '--prefix', 'new_'], classifier());
    expect(stdout).toBe(
      `body,predicted,new_predicted,new_probability_ham,new_probability_spam\nx,old,${ham}\n`,
    );
    const objects = write('a.jsonl', '{"body":"x","probabilities":1}\n');
    for (const to of ['jsonl', 'csv']) {
      const taken = write('b.csv', 'body,probability_ham\nx,1\n');
      const named = to === 'csv' ? taken : objects;
      const { stderr } = await runWith(['predict', 'runs/x', named, '--to', to], classifier());
      expect(stderr).toMatch(/has a column "probabilit\w+" already/);
    }
  });

  test('cells of any text read back as what they were', async () => {
    const cell = fc.string({ unit: fc.constantFrom('a', ',', '"', '\n', ' ', 'é', ';', '\t') });
    const property = fc.asyncProperty(
      fc.array(fc.tuple(cell, cell), { minLength: 1 }),
      async (rows) => {
        const quoted = rows.map((row) =>
          row.map((each) => `"${each.replaceAll('"', '""')}"`).join(),
        );
        const file = write('a.csv', `body,other\n${quoted.join('\n')}\n`);
        const out = join(folder, 'out.csv');
        await runWith(['predict', 'runs/x', file, '--out', out], classifier());
        for (const [i, text] of ['body', 'other'].entries()) {
          const read = await collect(readExamples([out], { text }));
          expect(read.map((each) => each.text)).toEqual(rows.map((row) => row[i]));
        }
      },
    );
    await fc.assert(property, { numRuns: tries(10) });
  });

  test('members of an object are the ones that JSON.parse finds', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.nat(3), (object, space) => {
        const text = JSON.stringify(object, null, space);
        const found = readMembers(text).map(([name, value]) => [
          name,
          JSON.parse(value) as unknown,
        ]);
        expect(found).toEqual(Object.entries(JSON.parse(text) as object));
      }),
    );
    expect(['"a\\n"', 'null', '1.0', '[]'].map(textOfValue)).toEqual(['a\n', '', '1.0', '[]']);
  });
});

describe('every row has one answer', () => {
  test('also a line of text that is empty', async () => {
    const file = write('a.txt', 'money\n\n  \nlast');
    const { stdout } = await runWith(['predict', 'runs/x', file], classifier());
    expect(stdout).toBe(`text,${added}\nmoney,${spam}\n,${ham}\n"  ",${ham}\nlast,${ham}\n`);
  });

  test('also one that cannot be used, if such rows are to be left out', async () => {
    const csv = write('a.csv', 'body,id\nx,1\nmoney\ny,2\n');
    const argv = ['predict', 'runs/x', csv];
    const refused = await runWith(argv, classifier());
    expect(refused).toMatchObject({ status: 1, stdout: '' });
    expect(refused.stderr).toContain('a.csv, line 3: expected 2 cells');
    for (const [more, config] of [
      [['--on-bad-row', 'skip'], classifier()],
      [[], classifier('train: a.csv, text: body, onBadRow: quarantine')],
    ] as const) {
      const { stdout, stderr } = await runWith([...argv, ...more], config);
      expect(stdout).toBe(`body,id,${added}\nx,1,${ham}\nmoney,,,,\ny,2,${ham}\n`);
      expect(stderr).toBe(
        `1 row without a prediction, because they cannot be used; the first is ${csv}, line 3: expected 2 cells as in the header, found 1.\n`,
      );
    }
    const jsonl = write('a.jsonl', '{"body":"x"}\nnonsense\n{"body":7}\n');
    const objects = ['predict', 'runs/x', jsonl, '--to', 'jsonl', '--on-bad-row', 'skip'];
    const { stdout } = await runWith(objects, classifier());
    const reasons = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(reasons).toMatchObject([
      { body: 'x', predicted: 'ham' },
      { raw: 'nonsense', predicted: null, probabilities: null },
      { body: 7, predicted: null, error: expect.stringContaining('expected a string') as string },
    ]);
  });

  test('before the next one is read, with its line feed', async () => {
    const stdout = new PassThrough();
    const seen: string[] = [];
    stdout.on('data', (chunk: Buffer) => seen.push(chunk.toString()));
    const asked: string[][] = [];
    const library = {
      ...classifier(),
      async *readBatches() {
        for (const [i, text] of ['money', '', 'x'].entries()) {
          await setImmediate();
          await setImmediate();
          asked.push([...seen]);
          const fields = { columns: ['text'], cells: [text] };
          const row = { text, source: '-', line: i + 1, row: i + 1, fields };
          yield { source: '-', format: 'csv' as const, rows: [row], bad: [], linesDone: i + 1 };
        }
      },
    };
    await runWith(['predict', 'runs/x'], library, { stdout });
    const lines = [`text,${added}\nmoney,${spam}\n`, `,${ham}\n`];
    expect(asked.slice(1)).toEqual([lines.slice(0, 1), lines]);
  });
});

describe('known labels', () => {
  test('are compared and counted, also those that are no class', async () => {
    const csv = 'label,body\nspam,money\nspam,hello\nham,x\nspma,y\n,z\n';
    const { stdout, stderr } = await runWith(
      ['predict', 'runs/x', write('a.csv', csv)],
      classifier(),
    );
    expect(stdout.split('\n')).toHaveLength(7);
    expect(stderr).toBe(
      'Accuracy 66.7 %: 2 of 3 rows with a known label\n' +
        `1 row with a label that is no class of the model; the first is ${folder}/a.csv, line 5: "spma"\n`,
    );
  });

  test('may be missing, and have another name', async () => {
    const csv = write('a.csv', 'class,body\nspam,money\n');
    const without = await runWith(['predict', 'runs/x', csv], classifier());
    expect(without).toMatchObject({ status: 0, stderr: '' });
    const named = await runWith(['predict', 'runs/x', csv, '--label', 'class'], classifier());
    expect(named.stderr).toBe('Accuracy 100.0 %: 1 of 1 row with a known label\n');
    const wrong = await runWith(['predict', 'runs/x', csv, '--label', 'klass'], classifier());
    expect(wrong.stderr).toContain('has no column "klass"');
    // A key of the config, which the checkpoint has signed, would change nothing.
    expect(wrong.stderr).toContain('name the one that is meant with --label');
    const jsonl = write('a.jsonl', '{"body":"x","label":"ham"}\n{"body":"x"}\n');
    const objects = await runWith(['predict', 'runs/x', jsonl, '--to', 'jsonl'], classifier());
    expect(objects.stderr).toBe('Accuracy 100.0 %: 1 of 1 row with a known label\n');
  });
});

describe('columns without names are numbers', () => {
  const headerless = (text: string, label: string) =>
    classifier(`train: a.csv, header: false, text: ${text}, label: ${label}`);

  test.each([
    ['2', '1'],
    ['"2"', '"1"'],
  ])('in a config that says %s', async (text, label) => {
    const file = write('a.csv', 'spam,money\nham,x\n');
    const { stdout, stderr } = await runWith(['predict', 'runs/x', file], headerless(text, label));
    expect(stdout).toBe(`column_1,column_2,${added}\nspam,money,${spam}\nham,x,${ham}\n`);
    expect(stderr).toBe('Accuracy 100.0 %: 2 of 2 rows with a known label\n');
  });

  test('on the command line, where another layout has its label elsewhere', async () => {
    const file = write('a.csv', 'money\nx\n');
    const argv = ['predict', 'runs/x', file, '--text', '1'];
    const outcome = await runWith(argv, headerless('2', '1'));
    expect(outcome).toEqual({
      status: 0,
      stdout: `column_1,${added}\nmoney,${spam}\nx,${ham}\n`,
      stderr: '',
    });
  });
});

test('files are read in the encoding of the training, or the one that is asked for', async () => {
  const file = write('a.csv', Buffer.from('body\ncafé\n', 'latin1'));
  const latin1 = classifier('train: a.csv, text: body, encoding: latin1');
  expect((await runWith(['predict', 'runs/x', file], latin1)).stdout).toContain('café');
  const other = write('b.csv', 'body\ncafé\n');
  const argv = ['predict', 'runs/x', other, '--encoding', 'utf-8'];
  expect((await runWith(argv, latin1)).stdout).toContain('café');
});

test('reads no further than the output is taken, and ends quietly when nobody takes it', async () => {
  let read = 0;
  const library = {
    ...classifier(),
    async *readBatches() {
      for (let row = 1; ; row++) {
        read = row;
        // Leaves time to other work, as reading a file does.
        await setImmediate();
        const text = 'x'.repeat(1000);
        const fields = { columns: ['text'], cells: [text] };
        const rows = [{ text, source: 's', line: row, row, fields }];
        yield { source: 's', format: 'csv' as const, rows, bad: [], linesDone: row };
      }
    },
  };
  const stdout = new PassThrough();
  const outcome = runWith(['predict', 'runs/x', '--batch-size', '10'], library, { stdout });
  let before: number;
  do {
    before = read;
    await setTimeout(100);
  } while (read === 0 || read > before);
  expect(read).toBeLessThan(1000);
  stdout.destroy(Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
  expect(await outcome).toMatchObject({ status: 0, stderr: '' });
});

test('refuses a language model', async () => {
  const library = { openModel: () => Promise.resolve(stubLanguageModel()) };
  expect(await runWith(['predict', 'runs/x'], library)).toEqual({
    status: 1,
    stdout: '',
    stderr: 'runs/x: expected a classifier, got a language model\n',
  });
});
