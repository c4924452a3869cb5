import { writeFile } from 'node:fs/promises';
import { numbersOf } from '../../src/data/features/features.js';
import { writeChecksums } from '../../src/data/store/checked-file.js';
import { recordBytes, writeRecord } from '../../src/data/store/row-record.js';
import { featureFile } from '../../src/data/store/file-names.js';
import type { SplitManifest } from '../../src/data/store/manifest.js';
import {
  type FileTokenStore,
  openTokenStore,
  type TokenStore,
} from '../../src/data/store/token-store.js';
import type { Scratch } from './scratch.js';

/** The features that the tokens of these stores may have beside: of the first one number, of the second two, the same ones for the same token. */
export const featuresOf = (token: number): number[][] => [
  [(token * 7 + 3) % 4999],
  [token % 13, token % 17],
];
/** Those of some tokens, feature by feature. */
export const featuresOfAll = (tokens: ArrayLike<number>): number[][] =>
  [0, 1].map((feature) => Array.from(tokens).flatMap((token) => featuresOf(token)[feature]!));

function putFeatures(
  tokens: readonly number[],
  into: readonly Int32Array[] | undefined,
  at: number,
): void {
  featuresOfAll(tokens).forEach((numbers, feature) =>
    into?.[feature]?.set(numbers, at * (feature + 1)),
  );
}

/** A store in memory; row r has the label 100 + r. */
export function storeOf(rows: readonly (readonly number[])[]): TokenStore {
  const tokens = rows.flat();
  return {
    rows: rows.length,
    tokens: tokens.length,
    longestRow: Math.max(...rows.map((row) => row.length)),
    readRows(indices, into) {
      let at = 0;
      Array.from(indices).forEach((index, i) => {
        into.rowStart[i] = at;
        into.labels[i] = 100 + index;
        into.tokens.set(rows[index]!, at);
        putFeatures(rows[index]!, into.features, at);
        at += rows[index]!.length;
      });
      into.rowStart[indices.length] = at;
      return Promise.resolve();
    },
    readLengths(indices, into) {
      into.set(Array.from(indices, (index) => rows[index]!.length));
      return Promise.resolve();
    },
    readTokens(start, count, into, at, features) {
      if (start + count > tokens.length) throw new RangeError('there are fewer tokens');
      const read = tokens.slice(start, start + count);
      into.set(read, at);
      putFeatures(read, features, at);
      return Promise.resolve();
    },
    locate: (row) => Promise.resolve({ source: 0, row: row + 1 }),
    close: () => Promise.resolve(),
  };
}

/** Writes a store of one split, `train`, whose rows have the labels 100, 101, …, and opens it. */
export async function writeStore(
  { dir, path }: Scratch,
  rows: readonly (readonly number[])[],
  idBytes: 2 | 4 = 2,
): Promise<FileTokenStore> {
  const ids = rows.flat();
  const bytesOf = (numbers: readonly number[]): Buffer =>
    Buffer.from((idBytes === 2 ? Uint16Array.from(numbers) : Uint32Array.from(numbers)).buffer);
  const size = recordBytes(1);
  const records = Buffer.alloc((rows.length + 1) * size);
  let start = 0;
  rows.forEach((row, index) => {
    const record = { start, label: 100 + index, source: index % 2, row: index + 1 };
    writeRecord(records, index * size, record);
    start += row.length;
  });
  writeRecord(records, rows.length * size, { start, label: 0, source: 0, row: 0 });
  await writeFile(path('train.tokens'), bytesOf(ids));
  for (const [feature, numbers] of featuresOfAll(ids).entries()) {
    await writeFile(path(`train.${featureFile(feature)}`), bytesOf(numbers));
  }
  await writeFile(path('train.rows'), records);
  return openTokenStore(dir, 'train', await describeStore(path, rows), idBytes);
}

/** Writes the checksums of the store's files as they are; gives what the manifest says of them. */
export async function describeStore(
  path: Scratch['path'],
  rows: readonly (readonly number[])[],
): Promise<SplitManifest> {
  const tokens = rows.flat().length;
  return {
    rows: rows.length,
    tokens,
    longestRow: Math.max(...rows.map((row) => row.length)),
    sources: [{ source: 0, rows: rows.length, tokens }],
    tokensFile: await writeChecksums(path('train.tokens')),
    featureFiles: await Promise.all(
      [0, 1].map((feature) => writeChecksums(path(`train.${featureFile(feature)}`))),
    ),
    rowsFile: await writeChecksums(path('train.rows')),
  };
}

/** Every row of a store, with its label and what is known of its tokens beside. */
export async function readRows(store: TokenStore) {
  const into = {
    tokens: new Int32Array(store.tokens),
    features: (store.vocabulary?.features ?? []).map(
      (feature) => new Int32Array(store.tokens * numbersOf(feature)),
    ),
    rowStart: new Int32Array(store.rows + 1),
    labels: new Int32Array(store.rows * (store.labelWords ?? 1)),
  };
  await store.readRows(
    Int32Array.from({ length: store.rows }, (_, i) => i),
    into,
  );
  return into;
}
