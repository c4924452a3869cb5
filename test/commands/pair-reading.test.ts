import { expect, test } from 'vitest';
import type { TrainedModel } from '../../src/commands/library.js';
import { planPairs } from '../../src/commands/pair-reading.js';

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
