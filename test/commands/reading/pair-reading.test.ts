import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readBatches } from '../../../src/data/formats/examples.js';
import type { TrainedModel } from '../../../src/commands/library.js';
import { planPairs } from '../../../src/commands/reading/pair-reading.js';

const model = {
  config: { task: 'translate', data: { source: 'source', target: 'target', onBadRow: 'error' } },
} as unknown as Pick<TrainedModel, 'config'>;

test.each(['a.CSV.gz', 'b.ndjson', 'c.parquet', 'data/*', '{a,b}.*', 'data/*.tab'])(
  'of pairs the files that their names, or what a pattern finds, tell to be tables are read: %s',
  (file) => {
    expect(planPairs(model, [file], undefined, {}).paths).toEqual([file]);
  },
);

test.each(['a.de', 'a.txt.gz', 'a.conll', 'noname', 'data/*.txt'])(
  'a file by itself that is no table asks for its translations: %s',
  (file) => {
    expect(() => planPairs(model, [file], undefined, {})).toThrow(
      `${file}: expected --target with its translations, line by line, or a table with both sides`,
    );
  },
);

test('every line of standard input has a row, also a blank one and one that is no pair', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'lockstep-test-'));
  const file = join(folder, 'piped');
  const { reading } = planPairs(model, [], undefined, { onBadRow: 'skip' });
  const read = async (text: string) => {
    writeFileSync(file, text);
    const found = [];
    for await (const { rows, bad } of readBatches([file], reading)) {
      const lines = [
        ...rows.map(({ row, text, label }) => [row, text, label]),
        ...bad.map(({ row, reason }) => [row, reason]),
      ];
      found.push(...lines.sort((a, b) => Number(a[0]) - Number(b[0])));
    }
    return found;
  };
  const lacking = (found: string): string => `expected 2 cells with a tab between them, found ${found}.`; // prettier-ignore
  expect(await read('\n\nfree\tgratis\n  \nno tab\na\tb')).toEqual([
    [1, lacking('an empty line')],
    [2, lacking('an empty line')],
    [3, 'free', 'gratis'],
    [4, lacking('an empty line')],
    [5, lacking('1')],
    [6, 'a', 'b'],
  ]);
  expect(await read('no tab\n')).toEqual([[1, lacking('1')]]);
  rmSync(folder, { recursive: true });
});
