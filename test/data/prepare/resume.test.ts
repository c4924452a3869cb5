import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { appendFile, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { packageFile } from '../../../src/package-root.js';
import { useScratch } from '../scratch.js';
import { configure, digest, makeRows, smallParts, toCsv, usePreparation } from './corpora.js';

const scratch = useScratch();
const prepare = usePreparation();

/** Which file there is for each finished extent, by its path: made again, it is another one. */
async function listCut(storeDir: string): Promise<Map<string, string>> {
  const pieces = join(storeDir, 'pieces');
  const names = await readdir(pieces, { recursive: true }).catch(() => []);
  const extents = names.filter((name) => /extent-\d+\.json$/.test(name));
  return new Map(
    await Promise.all(
      extents.map(async (name) => {
        const { ino, mtimeNs } = await stat(join(pieces, name), { bigint: true });
        return [name, `${ino} of ${mtimeNs}`] as const;
      }),
    ),
  );
}

/** How many of the finished extents were not cut again. */
async function expectKept(before: Map<string, string>, storeDir: string): Promise<number> {
  const now = await listCut(storeDir);
  for (const [name, file] of before) expect(now.get(name)).toBe(file);
  return before.size;
}

async function isWriting(storeDir: string): Promise<boolean> {
  const names = await readdir(storeDir, { recursive: true }).catch(() => []);
  return names.some((name) => name.endsWith('train.tokens'));
}

const files = {
  'a.csv': toCsv(makeRows(400)),
  'b.csv': toCsv(makeRows(300, 2)),
  'c.csv': toCsv(makeRows(10, 3)),
};

describe('preparing that is interrupted', () => {
  it('by SIGKILL at any time goes on where it was and ends with the same bytes', async () => {
    const place = await scratch(files);
    const storeDir = place.path('stores');
    const config = { task: 'classify', workers: 2, data: { train: place.path('*.csv'), storeDir } };
    const start = () =>
      spawn(process.execPath, [
        packageFile('test/data/prepare/child.js'),
        JSON.stringify(config),
        JSON.stringify(smallParts),
      ]);
    let kept = 0;
    for (let kills = 0; kills < 5; kills++) {
      const before = await listCut(storeDir);
      const child = start();
      const ended = once(child, 'exit');
      // Each attempt gets a little further: it cuts something, or begins to write the store.
      while ((await listCut(storeDir)).size === before.size && !(await isWriting(storeDir))) {
        await setTimeout(2);
      }
      await setTimeout((7 * kills) % 16);
      child.kill('SIGKILL');
      expect(await ended).toEqual([null, 'SIGKILL']);
      kept += await expectKept(before, storeDir);
    }
    const before = await listCut(storeDir);
    const [code] = (await once(start(), 'exit')) as [number];
    expect(code).toBe(0);
    kept += await expectKept(before, storeDir);
    expect(kept).toBeGreaterThan(0);

    const data = { ...config.data, storeDir: place.path('fresh') };
    const { corpus } = await prepare(configure('classify', data));
    const key = corpus.storeDir.replace(/.*\//, '');
    expect((await readdir(storeDir)).sort()).toEqual([key, 'pieces'].sort());
    expect(await digest(join(storeDir, key))).toBe(await digest(corpus.storeDir));
  });
});

describe('a corpus whose files change', () => {
  /** Prepares a corpus whose files are changed, again and afresh. */
  async function changeFiles(change: (path: (name: string) => string) => Promise<void>) {
    const place = await scratch(files);
    const data = { train: place.path('*.csv'), storeDir: place.path('stores') };
    const first = await prepare(configure('classify', data));
    const before = await listCut(data.storeDir);
    await change(place.path);
    const again = await prepare(configure('classify', data));
    const after = await listCut(data.storeDir);
    const fresh = await prepare(configure('classify', { ...data, storeDir: place.path('fresh') }));
    expect(again.corpus.storeDir).toBe(first.corpus.storeDir);
    expect(await digest(again.corpus.storeDir)).toBe(await digest(fresh.corpus.storeDir));
    expect(after.size).toBe((await listCut(place.path('fresh'))).size);
    const kept = [...after].filter(([name, file]) => before.get(name) === file).length;
    return { kept, cut: after.size - kept, before: before.size };
  }

  it('has only its new files cut, and is what it would be afresh', async () => {
    const { kept, cut, before } = await changeFiles((path) =>
      writeFile(path('aa.csv'), toCsv(makeRows(40, 9))),
    );
    expect({ kept, cut }).toEqual({ kept: before, cut: 1 });
  });

  it('has the files cut again that changed', async () => {
    const { cut, kept, before } = await changeFiles((path) =>
      appendFile(path('c.csv'), 'one more,ham\n'),
    );
    expect({ kept, cut }).toEqual({ kept: before - 1, cut: 1 });
  });

  it('loses the files that are gone', async () => {
    const { cut } = await changeFiles((path) => rm(path('b.csv')));
    expect(cut).toBe(0);
  });

  it('has nothing cut again where only times differ', async () => {
    const { cut } = await changeFiles(async (path) => {
      await utimes(path('a.csv'), 1, 1);
      await rm(path('c.csv'));
    });
    expect(cut).toBe(0);
  });

  it('keeps what is cut when the vocabulary or the splits are chosen differently', async () => {
    const place = await scratch(files);
    const data = { train: place.path('*.csv'), storeDir: place.path('stores') };
    await prepare(configure('classify', data));
    const before = await listCut(data.storeDir);
    for (const other of [
      { tokenizer: { kind: 'word', vocabularySize: 20 } },
      { test: 0.3, maxLength: 3 },
    ]) {
      await prepare(configure('classify', { ...data, ...other }));
      await expectKept(before, data.storeDir);
      expect((await listCut(data.storeDir)).size).toBe(before.size);
    }
    await prepare(
      configure('classify', { ...data, tokenizer: { kind: 'word', lowerCase: false } }),
    );
    expect((await listCut(data.storeDir)).size).toBe(2 * before.size);
  });

  it('has a piece cut again that was damaged', async () => {
    const place = await scratch(files);
    const data = { train: place.path('*.csv'), storeDir: place.path('stores') };
    const { corpus } = await prepare(configure('classify', data));
    const bytes = await digest(corpus.storeDir);
    await rm(corpus.storeDir, { recursive: true });
    const names = await readdir(join(data.storeDir, 'pieces'), { recursive: true });
    const piece = names.find((name) => name.endsWith('.piece'))!;
    await writeFile(join(data.storeDir, 'pieces', piece), 'short');
    const record = names.find(
      (name) => name.endsWith('.json') && !name.includes(piece.slice(0, 20)),
    );
    await writeFile(join(data.storeDir, 'pieces', record!), '{');
    const again = await prepare(configure('classify', data));
    expect(await digest(again.corpus.storeDir)).toBe(bytes);
  });

  it('has a piece cut again of which a byte was changed, and says so', async () => {
    const place = await scratch(files);
    const data = { train: place.path('*.csv'), storeDir: place.path('stores') };
    const { corpus } = await prepare(configure('classify', data));
    const bytes = await digest(corpus.storeDir);
    await rm(corpus.storeDir, { recursive: true });
    const pieces = join(data.storeDir, 'pieces');
    const names = await readdir(pieces, { recursive: true });
    const piece = join(
      pieces,
      names.find((name) => name.endsWith('.piece'))!,
    );
    const content = await readFile(piece);
    const changed = Buffer.from(content);
    changed[content.length - 9]! ^= 1;
    await writeFile(piece, changed);
    const again = await prepare(configure('classify', data));
    expect(await digest(again.corpus.storeDir)).toBe(bytes);
    expect(again.events).toContainEqual({
      type: 'notice',
      message: `${piece} is damaged. It is made anew.`,
    });
    expect(await readFile(piece)).toEqual(content);
  });
});
