import { linkSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { parseConfig } from '../../../src/config/load.js';
import { planCorpus } from '../../../src/data/prepare/plan.js';
import { useScratch } from '../scratch.js';

const scratch = useScratch();
const notify = () => undefined;

describe('files of several splits', () => {
  async function plan(data: (path: (name: string) => string) => object) {
    const { dir, path } = await scratch({ 'a.csv': 'text,label\n', 'v.csv': 'text,label\n' });
    linkSync(path('v.csv'), path('w.csv'));
    const before = await readdir(dir);
    const config = { task: 'classify', data: { ...data(path), storeDir: path('stores') } };
    const planned = planCorpus(parseConfig(JSON.stringify(config), 'c.yaml'), notify);
    const outcome = await planned.then(
      ({ sources }) => sources.map(({ from }) => from).join(' '),
      (error: unknown) => (error as Error).message.replaceAll(`${dir}/`, ''),
    );
    expect(await readdir(dir)).toEqual(before);
    return outcome;
  }

  it.each(['validation', 'test'])(
    'are refused where data.%s has one of data.train',
    async (split) => {
      const sentence = `data.${split}: "v.csv" is in both data.train (as "[av].csv") and data.${split}: expected every file in one split only.`;
      expect(await plan((path) => ({ train: path('[av].csv'), [split]: path('v.csv') }))).toBe(
        sentence,
      );
      const weighted = await plan((path) => ({
        train: [
          { path: path('a.csv'), weight: 2 },
          { path: path('[av].csv'), weight: 2 },
        ],
        [split]: path('v.csv'),
      }));
      expect(weighted).toBe(sentence);
      const linked = await plan((path) => ({ train: path('v.csv'), [split]: [path('w.csv')] }));
      expect(linked).toMatch(`data.${split}: "w.csv" is in both data.train (as "v.csv")`);
    },
  );

  it('are refused where data.test has one of data.validation', async () => {
    const data = (path: (name: string) => string) => ({
      train: path('a.csv'),
      validation: path('v.csv'),
      test: path('*.csv'),
    });
    expect(await plan(data)).toMatch(/^data\.test: "a\.csv" is in both data\.train/);
    expect(await plan((path) => ({ ...data(path), test: path('[v-w].csv') }))).toMatch(
      /^data\.test: "v\.csv" is in both data\.validation and data\.test/,
    );
  });

  it('are taken where each split has its own', async () => {
    const taken = await plan((path) => ({ train: path('a.csv'), test: path('v.csv') }));
    expect(taken).toBe('train test');
  });
});

it('standard input that nobody has said the format of is not read, and how to say it is told', async () => {
  const config = parseConfig('task: classify\ndata: { train: "-" }\n', 'c.yaml');
  await expect(planCorpus(config, notify)).rejects.toThrow(
    'data.train: standard input is plain text, which has no labels: task classify expects CSV, TSV, JSONL or Parquet; if it is such, set data.format.',
  );
});
