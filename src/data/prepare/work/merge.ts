import { closeSync, openSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { WordTable } from '../../tokenizers/word-table.js';
import { countsName } from './count.js';
import type { BuildJob } from './job.js';
import { PieceFile, sectionOf, wordsOf } from '../pieces/piece.js';

/** Words of some buckets over all pieces of the training split, merged; or values of a feature of them. */

/** Which words. */
export interface MergedRange {
  /** 0 of words, or the number of a feature; several where the two sides of pairs have one vocabulary. */
  readonly streams: readonly number[];
  /** From the first, not including the second. */
  readonly buckets: readonly [number, number];
}

export interface MergeInput extends MergedRange {
  readonly among: Among;
  readonly minCount: number;
  /** How many of the most frequent words are asked for. */
  readonly limit: number;
}

/** Which of equally frequent ones comes first: the word that stands first, or the value whose code units come first. */
export type Among = 'places' | 'code units';

/** A word of the training split. */
export interface MergedWord {
  readonly word: string;
  readonly count: number;
  /** Where it stands first: the piece, or of several streams its stretch of one, and the token in it. */
  readonly piece: number;
  readonly token: number;
}

export interface MergeResult {
  /** The most frequent ones with at least `minCount` occurrences; see `rankingOf`. */
  readonly words: MergedWord[];
  /** How many different words there are in all. */
  readonly distinct: number;
}

export function mergeWords(
  job: BuildJob,
  { minCount, limit, among, ...range }: MergeInput,
): MergeResult {
  const { words, entries } = mergeParts(job, range);
  const equals = among === 'places' ? entries : words;
  const ranked = Uint32Array.from({ length: words.size }, (_, i) => i)
    .filter((i) => entries.counts[i]! >= minCount)
    .sort((a, b) => entries.counts[b]! - entries.counts[a]! || equals.compare(a, b))
    .subarray(0, limit);
  // Millions of words may be merged: only those that are asked for become objects.
  return {
    words: Array.from(ranked, (i) => ({ word: words.word(i), ...entries.get(i) })),
    distinct: words.size,
  };
}

/** How often each letter stands in the values. */
export function countLetters(job: BuildJob, range: MergedRange): Map<string, number> {
  const { words, entries } = mergeParts(job, range);
  const letters = new Map<string, number>();
  for (let i = 0; i < words.size; i++) {
    for (const letter of words.word(i)) {
      letters.set(letter, entries.counts[i]! + (letters.get(letter) ?? 0));
    }
  }
  return letters;
}

function mergeParts(
  job: BuildJob,
  { streams, buckets }: MergedRange,
): { words: WordTable; entries: Entries } {
  const words = new WordTable();
  const entries = new Entries();
  for (const [index, { from, record }] of job.pieces.entries()) {
    if (from !== 'train') continue;
    streams.forEach((stream, i) => {
      if (wordsOf(record, stream) === 0) return;
      addPart(job, stream, index, buckets, words, entries, index * streams.length + i);
    });
  }
  return { words, entries };
}

type Comparison = (a: MergedWord, b: MergedWord) => number;

/** The most frequent first. */
export function rankingOf(among: Among): Comparison {
  const equals: Comparison = among === 'places' ? byPlace : byCodeUnits;
  return (a, b) => b.count - a.count || equals(a, b);
}

const byCodeUnits: Comparison = (a, b) => (a.word < b.word ? -1 : 1);

/** The one that stood first comes first. */
export function byPlace(a: Omit<MergedWord, 'word'>, b: Omit<MergedWord, 'word'>): number {
  return a.piece - b.piece || a.token - b.token;
}

/** Columns, because millions of objects would take several times the memory. */
class Entries {
  counts = new Float64Array(1 << 10);
  #pieces = new Uint32Array(1 << 10);
  #tokens = new Uint32Array(1 << 10);

  /** As `byPlace` does. */
  compare(a: number, b: number): number {
    return this.#pieces[a]! - this.#pieces[b]! || this.#tokens[a]! - this.#tokens[b]!;
  }

  get(index: number): Omit<MergedWord, 'word'> {
    const { counts } = this;
    return { count: counts[index]!, piece: this.#pieces[index]!, token: this.#tokens[index]! };
  }

  set(index: number, { count, piece, token }: Omit<MergedWord, 'word'>): void {
    if (index === this.counts.length) this.#grow();
    this.counts[index] = count;
    this.#pieces[index] = piece;
    this.#tokens[index] = token;
  }

  #grow(): void {
    const length = 2 * this.counts.length;
    const [counts, pieces, tokens] = [this.counts, this.#pieces, this.#tokens];
    this.counts = new Float64Array(length);
    this.#pieces = new Uint32Array(length);
    this.#tokens = new Uint32Array(length);
    this.counts.set(counts);
    this.#pieces.set(pieces);
    this.#tokens.set(tokens);
  }
}

/** @param place Of the part among all, which words that stand first are told by. */
function addPart(
  job: BuildJob,
  stream: number,
  index: number,
  [from, to]: readonly [number, number],
  words: WordTable,
  entries: Entries,
  place: number,
): void {
  const { dir, record } = job.pieces[index]!;
  const piece = new PieceFile(dir, record);
  try {
    const starts = piece.readWords(sectionOf('wordBuckets', stream));
    const first = starts[from]!;
    const length = starts[to]! - first;
    if (length === 0) return;
    const wordEnds = sectionOf('wordEnds', stream);
    const ends = piece.readWords(wordEnds, first, length);
    const begin = first === 0 ? 0 : piece.readWords(wordEnds, first - 1, 1)[0]!;
    const letters = piece.read(sectionOf('letters', stream), begin, ends[length - 1]! - begin);
    const [counts, firsts] = readCounts(
      join(job.scratch, countsName(index, stream)),
      wordsOf(record, stream),
      first,
      length,
    );
    let start = 0;
    for (let i = 0; i < length; i++) {
      const end = ends[i]! - begin;
      const count = counts[i]!;
      if (count > 0) {
        const known = words.size;
        const word = words.add(letters, start, end);
        if (word === known) entries.set(word, { count, piece: place, token: firsts[i]! });
        else entries.counts[word]! += count;
      }
      start = end;
    }
  } finally {
    piece.close();
  }
}

/** Counts and first positions of some words of a piece's dictionary. */
function readCounts(path: string, words: number, first: number, length: number) {
  const file = openSync(path, 'r');
  try {
    return [first, words + first].map((start) => {
      const column = new Uint32Array(length);
      readSync(file, column, 0, 4 * length, 4 * start);
      return column;
    }) as [Uint32Array, Uint32Array];
  } finally {
    closeSync(file);
  }
}
