import { readFile, stat, truncate, unlink, writeFile } from 'node:fs/promises';
import fc from 'fast-check';
import { afterEach, describe, expect, it } from 'vitest';
import { openTokenStore, type TokenStore } from '../../../src/data/store/token-store.js';
import { UserError } from '../../../src/errors.js';
import { useScratch, type Scratch } from '../scratch.js';
import { describeStore, writeStore } from '../stores.js';

const scratch = useScratch();
const opened: TokenStore[] = [];
afterEach(async () => {
  for (const store of opened.splice(0)) await store.close();
});

const rows = [[5, 6, 7], [8], [], [9, 10, 65_535], [1, 2]];

async function write(idBytes: 2 | 4 = 2): Promise<{ place: Scratch; store: TokenStore }> {
  const place = await scratch();
  const store = await writeStore(place, rows, idBytes);
  opened.push(store);
  return { place, store };
}

function arraysFor(count: number, tokens = 20) {
  return {
    tokens: new Int32Array(tokens).fill(-1),
    rowStart: new Int32Array(count + 1),
    labels: new Int32Array(count),
  };
}

async function messageOf(work: Promise<unknown>, { dir }: Scratch): Promise<string> {
  const error: unknown = await work.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(UserError);
  return (error as Error).message.replaceAll(`${dir}/`, '');
}

describe.each([2, 4] as const)('a store of ids of %i bytes', (idBytes) => {
  it('gives any rows in any order', async () => {
    const { store } = await write(idBytes);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(rows.length - 1), { maxLength: 8 }), async (wanted) => {
        const into = arraysFor(wanted.length, 24);
        await store.readRows(wanted, into);
        const read = wanted.map((_, i) => [
          ...into.tokens.subarray(into.rowStart[i], into.rowStart[i + 1]),
        ]);
        expect(read).toEqual(wanted.map((row) => rows[row]));
        expect([...into.labels]).toEqual(wanted.map((row) => 100 + row));
        expect(into.tokens.subarray(into.rowStart[wanted.length]).every((id) => id === -1)).toBe(
          true,
        );
      }),
    );
  });

  it('gives any stretch of tokens, and touches nothing beside its place', async () => {
    const { store } = await write(idBytes);
    const all = rows.flat();
    for (let start = 0; start <= all.length; start++) {
      for (let count = 0; start + count <= all.length; count++) {
        const into = new Int32Array(12).fill(-1);
        await store.readTokens(start, count, into, 1);
        const expected = [-1, ...all.slice(start, start + count)];
        expect([...into]).toEqual([...expected, ...Array<number>(12 - expected.length).fill(-1)]);
      }
    }
  });
});

describe('a store', () => {
  it('tells lengths and where rows come from', async () => {
    const { store } = await write();
    const lengths = new Int32Array(3);
    await store.readLengths([3, 2, 0], lengths);
    expect([...lengths]).toEqual([3, 0, 3]);
    expect(await store.locate(3)).toEqual({ source: 1, row: 4 });
  });

  it('refuses places that it has not, and arrays that are too small', async () => {
    const { store } = await write();
    await expect(store.readRows([5], arraysFor(1))).rejects.toThrow(RangeError);
    await expect(store.readRows([-1], arraysFor(1))).rejects.toThrow(RangeError);
    await expect(store.readRows([0, 1], arraysFor(1))).rejects.toThrow(RangeError);
    await expect(store.readRows([0], arraysFor(1, 2))).rejects.toThrow(RangeError);
    await expect(store.readTokens(8, 2, new Int32Array(2), 0)).rejects.toThrow(RangeError);
  });

  it('is refused when a file is missing or not as long as the manifest says', async () => {
    const { place } = await write();
    const manifest = await describeStore(place.path, rows);
    const reopen = async () => Promise.resolve(openTokenStore(place.dir, 'train', manifest, 2));
    await truncate(place.path('train.rows'), 143);
    expect(await messageOf(reopen(), place)).toBe(
      'train.rows: expected 144 bytes as in the manifest, found 143.',
    );
    await unlink(place.path('train.tokens'));
    expect(await messageOf(reopen(), place)).toBe('The token store lacks its file train.tokens.');
  });

  it('is refused when its checksums are not those of the manifest', async () => {
    const { place } = await write();
    const manifest = await describeStore(place.path, rows);
    await flip(place.path('train.rows.crc'), 2);
    const reopen = async () => Promise.resolve(openTokenStore(place.dir, 'train', manifest, 2));
    expect(await messageOf(reopen(), place)).toBe(
      'train.rows.crc is damaged: it is not what the manifest says.',
    );
  });

  it('says so when a file is cut off while it is open', async () => {
    const { place, store } = await write();
    await truncate(place.path('train.tokens'), 9);
    expect(await messageOf(store.readRows([0, 3], arraysFor(2)), place)).toBe(
      `train.tokens is damaged: it lacks bytes from 0 to 18; remove its store, and the next start makes it anew: rm -r ${place.dir}`,
    );
  });

  it('gives no byte that was changed in its files, wherever that is', async () => {
    const many = Array.from({ length: 300 }, (_, i) => [i, i + 1, i % 7]);
    const place = await scratch();
    opened.push(await writeStore(place, many));
    const manifest = await describeStore(place.path, many);
    for (const name of ['train.tokens', 'train.rows']) {
      const { size } = await stat(place.path(name));
      for (let at = 0; at < size; at += 97) {
        await flip(place.path(name), at);
        const store = openTokenStore(place.dir, 'train', manifest, 2);
        const all = arraysFor(300, 900);
        const block = 1024 * Math.floor(at / 1024);
        expect(await messageOf(store.readRows([...many.keys()], all), place)).toBe(
          `${name} is damaged: its bytes from ${block} to ${Math.min(block + 1024, size)} are not what was written; ` +
            `remove its store, and the next start makes it anew: rm -r ${place.dir}`,
        );
        await store.close();
        await flip(place.path(name), at);
      }
    }
  });
});

/** Changes a byte of a file; twice, it is as before. */
async function flip(path: string, at: number): Promise<void> {
  const bytes = await readFile(path);
  bytes[at]! ^= 1 << (at % 8);
  await writeFile(path, bytes);
}
