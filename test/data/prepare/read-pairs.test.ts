import { symlink } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { prepareHeldOut } from '../../../src/data/prepare/held-out.js';
import { readPairs } from '../../../src/data/prepare/read-pairs.js';
import { collect, useScratch } from '../scratch.js';
import { configureIn, usePreparation } from './corpora.js';

const scratch = useScratch();
const prepare = usePreparation();

const read = async (...args: Parameters<typeof readPairs>) =>
  (await collect(readPairs(...args))).flat();

const files = {
  'a.de': 'eins\nzwei\n',
  'a.en': 'one\ntwo\n',
  'b.csv': 'source,target\ndrei,three\n',
  'c.csv': 'source,target\nvier,four\n',
};

test('a file counts once, however often and by whatever names it is listed, as where its loss is measured', async () => {
  const place = await scratch(files);
  const config = configureIn(place, 'translate', { train: place.path('b.csv') });
  await symlink(place.path('b.csv'), place.path('link.csv'));
  const [b, c] = ['b.csv', 'c.csv'].map(place.path) as [string, string];
  const named = [b, c, b, place.path('link.csv'), place.path('[bc].csv')];
  const once = [
    { source: 'drei', target: 'three' },
    { source: 'vier', target: 'four' },
  ];
  expect(await read(config, named, '--data')).toEqual(once);
  const { corpus } = await prepare(config);
  const heldOut = await prepareHeldOut({ ...corpus, config }, named, '--data', () => undefined);
  expect(heldOut.store.rows).toBe(once.length);
  await heldOut.close();
  const pair = { source: [place.path('a.de')], target: [place.path('a.en')] };
  expect(await read(config, [pair, pair, c], '--data')).toEqual([
    { source: 'eins', target: 'one' },
    { source: 'zwei', target: 'two' },
    once[1],
  ]);
});

test('tables are measured as tables by a model that has learned from plain text', async () => {
  const place = await scratch(files);
  const train = { source: place.path('a.de'), target: place.path('a.en') };
  const config = configureIn(place, 'translate', { train, format: 'text' });
  const named = [place.path('b.csv')];
  expect(await read(config, named, '--data')).toEqual([{ source: 'drei', target: 'three' }]);
  const { corpus } = await prepare(config);
  const heldOut = await prepareHeldOut({ ...corpus, config }, named, '--data', () => undefined);
  expect(heldOut.store.rows).toBe(1);
  await heldOut.close();
});
