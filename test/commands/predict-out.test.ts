import { execFileSync, spawn } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { TrainedModel } from '../../src/commands/library.js';
import { parseConfig } from '../../src/config/load.js';
import { runWith, stubClassifier } from './stub.js';
import { added, classifier, ham, json } from './predict-stub.js';

let folder: string;
beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'lockstep-predict-')));
});
afterEach(() => rmSync(folder, { recursive: true }));

function write(name: string, content: string | Uint8Array): string {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
}

describe('--out', () => {
  const predict = (out: string, ...more: string[]) =>
    runWith(
      ['predict', 'runs/x', write('in.csv', 'body\nx\n'), '--out', out, ...more],
      classifier(),
    );
  const whole = `body,${added}\nx,${ham}\n`;

  test('is told in a terminal, with the command that serves the model', async () => {
    const file = write('in.csv', 'body\nx\n');
    const out = join(folder, 'out.csv');
    const words = ['predict', 'runs/my run', file, '--out', out];
    const { stderr } = await runWith(words, classifier(), { isTTY: true });
    expect(stderr).toBe(`Answers: ${out}\nNext: lockstep serve 'runs/my run'\n`);
  });

  test('is replaced when predict wrote it or it is empty, whole or not at all', async () => {
    const out = join(folder, 'out.csv');
    expect(await predict(out)).toMatchObject({ status: 0, stdout: '' });
    expect(await predict(out)).toMatchObject({ status: 0 });
    expect(readFileSync(out, 'utf8')).toBe(whole);
    const jsonl = join(folder, 'out.jsonl');
    writeFileSync(jsonl, '');
    for (let i = 0; i < 2; i++) expect(await predict(jsonl)).toMatchObject({ status: 0 });
    expect(readFileSync(jsonl, 'utf8')).toBe(`{"body":"x",${json.ham}}\n`);

    const bad = write('bad.csv', 'body\nx\n"\n');
    const failed = await runWith(['predict', 'runs/x', bad, '--out', out], classifier());
    expect(failed.status).toBe(1);
    expect(readFileSync(out, 'utf8')).toBe(whole);
    expect(readdirSync(folder).sort()).toEqual(['bad.csv', 'in.csv', 'out.csv', 'out.jsonl']);
  });

  test.each([
    ['config.yaml', 'task: classify\n'],
    ['rows.csv', 'text,label\nx,ham\n'],
    ['other.csv', 'id,predicted\n1,0\n'],
    ['objects.jsonl', '{"predicted":"ham"}\n'],
    ['numbers.csv', 'body,predicted\nx,0.5\n'],
    ['tags.conll', 'anna B-PER\n'],
    ['tags.jsonl', '{"tokens":["anna"],"predicted":["B-PER"]}\n'],
  ])('never replaces unasked what anybody may have written: %s', async (name, content) => {
    const out = write(name, content);
    const refused = await predict(out, '--to', 'csv');
    expect(refused).toEqual({
      status: 1,
      stdout: '',
      stderr: `--out: ${out} is there, and nothing shows that predict wrote it: name another file, or add --overwrite\n`,
    });
    expect(readFileSync(out, 'utf8')).toBe(content);
    expect(await predict(out, '--to', 'csv', '--overwrite')).toMatchObject({ status: 0 });
    expect(readFileSync(out, 'utf8')).toBe(whole);
    expect(readdirSync(folder).sort()).toEqual(['in.csv', name].sort());
  });

  test('is no file that is read', async () => {
    const out = join(folder, 'in.csv');
    const { stderr } = await predict(out, '--overwrite');
    expect(stderr).toBe(`--out: ${out} is read as input, and would be lost: name another file\n`);
    expect(readFileSync(out, 'utf8')).toBe('body\nx\n');
  });

  test('is no file of pairs that is read, also where only the second one is another than before', async () => {
    const source = write('a.de', 'ein\n');
    const [first, second] = ['a.en', 'b.en'].map((name) => write(name, 'one\n')) as [
      string,
      string,
    ];
    const link = join(folder, 'link.csv');
    symlinkSync(second, link);
    const model: TrainedModel = {
      ...stubClassifier(),
      config: parseConfig('task: translate\ndata: { train: { source: a, target: b } }', 'x.yaml'),
      score: (rows) => Promise.resolve(rows.map(() => ({ logProbability: -1, unknown: 0 }))),
    };
    const args = [source, source, '--target', first, second, '--out', link, '--overwrite'];
    const library = { openModel: () => Promise.resolve(model) };
    expect((await runWith(['score', 'runs/x', ...args], library)).stderr).toBe(
      `--out: ${link} is read as input, and would be lost: name another file\n`,
    );
    expect(readFileSync(second, 'utf8')).toBe('one\n');
  });

  test('is no file that is read, also where that has no rows', async () => {
    const out = join(folder, 'out.csv');
    writeFileSync(out, 'id,body\n');
    const rows = write('in.csv', 'id,body\n1,x\n');
    for (const files of [[out], [rows, out]]) {
      const args = ['predict', 'runs/x', ...files, '--out', out, '--overwrite'];
      expect((await runWith(args, classifier())).stderr).toBe(
        `--out: ${out} is read as input, and would be lost: name another file\n`,
      );
    }
    expect(readFileSync(out, 'utf8')).toBe('id,body\n');
  });

  test('has the columns of an input that has no rows', async () => {
    const header = write('empty.csv', 'id,body,note\n');
    const { stdout } = await runWith(['predict', 'runs/x', header], classifier());
    expect(stdout).toBe(`id,body,note,${added}\n`);
  });

  test('is known as written by predict however long its first line is', async () => {
    const long = write('long.csv', `body\n${'x'.repeat(200_000)}\n`);
    const out = join(folder, 'long.jsonl');
    const args = ['predict', 'runs/x', long, '--out', out];
    for (let i = 0; i < 2; i++) {
      expect(await runWith(args, classifier())).toMatchObject({ status: 0, stderr: '' });
    }
  });

  test('that cannot be written ends before anything is read', async () => {
    const library = { openModel: () => Promise.reject(new Error('not to be called')) };
    const read = (out: string) =>
      runWith(['predict', 'runs/x', 'a.csv', '--out', out, '--to', 'csv'], library);
    const missing = join(folder, 'no/such/out.csv');
    expect(await read(missing)).toEqual({
      status: 1,
      stdout: '',
      stderr: `--out: ${missing} cannot be written (there is no folder ${JSON.stringify(join(folder, 'no/such'))})\n`,
    });
    expect((await read(folder)).stderr).toBe(`--out: ${folder} is a directory: expected a file\n`);
    const under = join(write('file', ''), 'out.csv');
    expect((await read(under)).stderr).toBe(`--out: ${under} cannot be written (ENOTDIR)\n`);
    expect(
      (await runWith(['predict', 'runs/x', 'a.csv', '--out', 'labels.txt'], library)).stderr,
    ).toBe('--out: expected a name that ends in .csv, .jsonl or .conll, or --to, got labels.txt\n');
    // Root may write anywhere.
    if (process.getuid?.() === 0) return;
    mkdirSync(join(folder, 'shut'));
    chmodSync(join(folder, 'shut'), 0o500);
    expect((await read(join(folder, 'shut/out.csv'))).stderr).toContain('(EACCES)');
  });

  test('goes through links, and into devices and pipes', async () => {
    const target = join(folder, 'target.csv');
    await predict(target);
    symlinkSync(target, join(folder, 'link.csv'));
    writeFileSync(target, '');
    expect(await predict(join(folder, 'link.csv'))).toMatchObject({ status: 0 });
    expect(readFileSync(target, 'utf8')).toBe(whole);
    expect(realpathSync(join(folder, 'link.csv'))).toBe(target);

    expect(await predict('/dev/null', '--to', 'csv')).toMatchObject({ status: 0 });
    expect(await predict('/dev/stdout', '--to', 'csv')).toMatchObject({ status: 0, stdout: whole });
    if (existsSync('/dev/full')) {
      expect((await predict('/dev/full', '--to', 'csv')).stderr).toBe(
        '--out: /dev/full cannot be written (ENOSPC)\n',
      );
    }
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    expect((await predict(pipe, '--to', 'csv')).stderr).toBe(
      `--out: ${pipe} is a pipe that nobody reads\n`,
    );
    const reader = spawn('cat', [pipe]);
    let read = '';
    reader.stdout.on('data', (chunk: Buffer) => (read += chunk.toString()));
    const closed = new Promise((resolve) => reader.on('close', resolve));
    for (let status = 1; status !== 0;) ({ status } = await predict(pipe, '--to', 'csv'));
    await closed;
    expect(read).toBe(whole);
  });

  test('is left as it was when a signal comes', async () => {
    const out = join(folder, 'out.csv');
    await predict(out);
    const stopped = await runWith(
      ['predict', 'runs/x', '--out', out],
      {
        ...classifier(),
        async *readBatches() {
          for (let row = 1; ; row++) {
            await setTimeout(5);
            const each = { text: 'x', source: '-', line: row, row };
            yield {
              source: '-',
              format: 'csv' as const,
              rows: [{ ...each, fields: { columns: ['text'], cells: ['x'] } }],
              bad: [],
              linesDone: row,
            };
          }
        },
      },
      { signalStatus: 143 },
    );
    expect(stopped).toMatchObject({ status: 143, stderr: '' });
    expect(readFileSync(out, 'utf8')).toBe(whole);
    expect(readdirSync(folder).sort()).toEqual(['in.csv', 'out.csv']);
  });
});

test('a link that leads to no file is not replaced by predictions', async () => {
  const place = mkdtempSync(join(tmpdir(), 'lockstep-link-'));
  const link = join(place, 'out.csv');
  symlinkSync(join(place, 'absent.csv'), link);
  const input = join(place, 'a.csv');
  writeFileSync(input, 'body\nx\n');
  const { status, stderr } = await runWith(
    ['predict', 'runs/x', input, '--out', link],
    classifier(),
  );
  expect(status).toBe(1);
  expect(stderr).toContain('is a link that leads to no file');
  expect(readlinkSync(link)).toBe(join(place, 'absent.csv'));
  rmSync(place, { recursive: true });
});
