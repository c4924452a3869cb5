import type { Corpus } from '../../../src/data/store/corpus.js';
import type { TokenStore } from '../../../src/data/store/token-store.js';
import type { Scratch } from '../scratch.js';
import { makeRows } from './corpora.js';

/** Pairs of made-up sentences; some sources come twice. */
export function makePairs(count: number, seed = 1): [source: string, target: string][] {
  const line = (text: string): string => text.replaceAll(/\s+/g, ' ').trim() || 'nothing';
  const sources = makeRows(count, seed).map(({ text }) => line(text));
  return makeRows(count, seed + 100).map(({ text }, i) => [sources[i]!, `${line(text)} é${i % 7}`]);
}

export const linesOf = (texts: readonly string[]): string =>
  texts.map((text) => `${text}\n`).join('');
export const pairFiles = (name: string, pairs: readonly (readonly [string, string])[]) => ({
  [`${name}.de`]: linesOf(pairs.map(([source]) => source)),
  [`${name}.en`]: linesOf(pairs.map(([, target]) => target)),
});
export const pairOf = ({ path }: Scratch, name: string) => ({
  source: path(`${name}.de`),
  target: path(`${name}.en`),
});
export const word = {
  kind: 'word',
  minCount: 1,
  filters: '',
  lowerCase: false,
  vocabularySize: 5000,
};

/** The texts of a split's pairs, as their tokens say them. */
export async function readPairs(
  { tokenizer, sourceTokenizer = tokenizer }: Corpus,
  store: TokenStore,
): Promise<[string, string][]> {
  const source = {
    tokens: new Int32Array(store.source!.tokens),
    rowStart: new Int32Array(store.rows + 1),
  };
  const into = {
    tokens: new Int32Array(store.tokens),
    rowStart: new Int32Array(store.rows + 1),
    labels: new Int32Array(store.rows),
    source,
  };
  const rows = Array.from({ length: store.rows }, (_, row) => row);
  await store.readRows(rows, into);
  const textOf = (side: { tokens: Int32Array; rowStart: Int32Array }, row: number): Int32Array =>
    side.tokens.slice(side.rowStart[row], side.rowStart[row + 1]);
  return rows.map((row) => [
    sourceTokenizer.decode(textOf(source, row)),
    tokenizer.decode(textOf(into, row)),
  ]);
}
