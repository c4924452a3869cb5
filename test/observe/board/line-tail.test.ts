import {
  appendFileSync,
  mkdtempSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { LineTail } from '../../../src/observe/board/line-tail.js';

const folder = mkdtempSync(join(tmpdir(), 'lockstep-tail-'));
afterAll(() => rmSync(folder, { recursive: true }));

const file = join(folder, 'log');
let heard: string[];
let resets: number;
let longLines: number;
let tail: LineTail;

function open(): void {
  [heard, resets, longLines] = [[], 0, 0];
  tail = new LineTail(file, {
    onLine: (line) => heard.push(line.toString()),
    onLongLine: () => longLines++,
    onReset: () => {
      resets++;
      heard = [];
    },
  });
}

const readAll = () => {
  while (tail.poll(1 << 16));
};

beforeEach(() => {
  writeFileSync(file, '');
  open();
});

describe('a file that grows', () => {
  test('is told line by line, each once and whole', () => {
    writeFileSync(file, 'one\ntw');
    readAll();
    expect(heard).toEqual(['one']);
    appendFileSync(file, 'o\n\nthree\n');
    readAll();
    expect(heard).toEqual(['one', 'two', 'three']);
    expect(resets).toBe(0);
  });

  test('is read anew when it was cut off, also when it has grown beyond its former end since', () => {
    writeFileSync(file, 'one\ntwo\nthree\n');
    readAll();
    truncateSync(file, 4);
    appendFileSync(file, 'zwei\ndrei\nvier\n');
    readAll();
    expect(heard).toEqual(['one', 'zwei', 'drei', 'vier']);
    expect(resets).toBe(1);
  });

  test('is read anew when another one has taken its place, or none', () => {
    writeFileSync(file, 'one\n');
    readAll();
    writeFileSync(`${file}.new`, 'one\nmore\n');
    renameSync(`${file}.new`, file);
    readAll();
    expect([heard, resets]).toEqual([['one', 'more'], 1]);
    rmSync(file);
    readAll();
    expect([heard, resets]).toEqual([[], 2]);
  });

  test('may have lines of any length, of which those beyond 4 MiB are passed over', () => {
    writeFileSync(file, `${'a'.repeat(300_000)}\n${'b'.repeat(5 << 20)}\nc\n`);
    readAll();
    expect(heard.map((line) => line.length)).toEqual([300_000, 1]);
    expect(longLines).toBe(1);
  });

  test('however it is cut, appended to and looked at comes to what it holds', () => {
    let written = 0;
    const change = fc.oneof(
      fc.record({ kind: fc.constant('append' as const), bytes: fc.nat(400) }),
      fc.record({
        kind: fc.constant('cut' as const),
        share: fc.double({ min: 0, max: 1, noNaN: true }),
      }),
      fc.record({ kind: fc.constant('look' as const), most: fc.nat(100_000) }),
    );
    fc.assert(
      fc.property(fc.array(change, { maxLength: 40 }), (changes) => {
        let content = '';
        writeFileSync(file, '');
        open();
        for (const each of changes) {
          if (each.kind === 'look') tail.poll(each.most);
          else if (each.kind === 'cut') {
            content = content.slice(0, Math.floor(content.length * each.share));
            truncateSync(file, content.length);
          } else {
            // As every line of a log, no two are the same.
            let bytes = '';
            while (bytes.length < each.bytes) bytes += `${++written} ${'x'.repeat(written % 50)}\n`;
            bytes = bytes.slice(0, each.bytes);
            content += bytes;
            appendFileSync(file, bytes);
          }
        }
        readAll();
        const lines = content.split('\n').slice(0, -1);
        expect(heard).toEqual(lines.filter((line) => line !== ''));
      }),
      { numRuns: 150 },
    );
  });
});
