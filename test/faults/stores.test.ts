import { spawnSync } from 'node:child_process';
import { cp, mkdir, readdir, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { flipSample } from '../../scripts/soak/flips.js';
import { measureTogether } from '../../scripts/soak/together.js';
import { packageFile } from '../../src/package-root.js';
import { makeRows, toCsv } from '../data/prepare/corpora.js';
import { useScratch } from '../data/scratch.js';

/** `npm run soak -- --flips` and `--together N` do the first two at length. */

const scratch = useScratch();

it('a changed byte of a store is refused by the name of its file, of a piece made anew, or is harmless', async () => {
  const { dir } = await scratch();
  for (const { store, pieces } of await flipSample(dir, 499)) {
    expect(Object.keys(store).sort()).toEqual(['harmless', 'refused']);
    expect(Object.keys(pieces).sort()).toEqual(['harmless', 'made anew']);
    expect(store['refused']).toBeGreaterThan(store['harmless']!);
  }
});

it('processes that prepare at once in one directory all find the same store', async () => {
  const said: string[] = [];
  await measureTogether(2, [process.execPath], (line) => said.push(line));
  expect(said).toEqual(['2 rounds of 4 processes: none failed, all stores equal.']);
});

describe('projects that share a store directory', () => {
  const storeDir = '../stores';

  /** Prepares `data.csv` of the project in `cwd`, whose path is the same in every project. */
  function prepare(cwd: string): void {
    const config = { task: 'classify', workers: 1, data: { train: 'data.csv', storeDir } };
    const child = packageFile('test/data/prepare/child.js');
    const { status, stderr } = spawnSync(process.execPath, [child, JSON.stringify(config)], {
      cwd,
      encoding: 'utf8',
    });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  }

  async function makeProjects(...rows: number[]) {
    const place = await scratch();
    for (const count of rows) {
      const dir = place.path(String(count));
      await mkdir(dir);
      await writeFile(join(dir, 'data.csv'), toCsv(makeRows(count, count)));
    }
    return place;
  }

  /** The stores and, below `pieces`, all files, each with its inode: made again, it is another one. */
  async function list(dir: string): Promise<string[]> {
    const stores = await readdir(join(dir, 'stores'));
    const pieces = await readdir(join(dir, 'stores/pieces'), { recursive: true });
    const names = [...stores, ...pieces.map((name) => join('pieces', name))].sort();
    return Promise.all(
      names.map(async (name) => `${name} ${(await stat(join(dir, 'stores', name))).ino}`),
    );
  }

  it('have stores and pieces of their own, also where their files have the same names', async () => {
    const { dir, path } = await makeProjects(50, 60);
    prepare(path('50'));
    const first = await list(dir);
    prepare(path('60'));
    const both = await list(dir);
    expect(both).toEqual(expect.arrayContaining(first));
    for (const project of ['50', '60']) prepare(path(project));
    expect(await list(dir)).toEqual(both);
  });

  it('use the store of one that was moved, and the pieces of one that has the same content', async () => {
    const { dir, path } = await makeProjects(50);
    prepare(path('50'));
    await rename(path('50'), path('moved'));
    const stores = await readdir(path('stores'));
    prepare(path('moved'));
    expect(await readdir(path('stores'))).toEqual(stores);
    await cp(path('moved'), path('copy'), { recursive: true });
    for (const name of stores) {
      if (name !== 'pieces') await rm(path(`stores/${name}`), { recursive: true });
    }
    const extents = (await list(dir)).filter((name) => name.includes('extent-'));
    expect(extents.length).toBeGreaterThan(0);
    prepare(path('copy'));
    expect((await list(dir)).filter((name) => name.includes('extent-'))).toEqual(extents);
  });
});
