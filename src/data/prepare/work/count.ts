import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { taskOf } from '../../../tasks/registry.js';
import { assignRows, assignTokens, type PlacedPiece } from './assignment.js';
import { FeatureNumbers } from '../pieces/piece-features.js';
import { PieceFile, readTokens, type TokenReader } from '../pieces/piece.js';
import { ExactAdder, type ExactSums } from './exact-sums.js';
import type { BuildJob } from './job.js';
import { count, type Tally } from './tally.js';

/** The second stage: how often each word of a piece stands in the training split, and where first. */

/** Stands for "never" where a first position is expected. */
export const never = 0xffff_ffff;

export interface PieceCounts {
  /** Rows of the training split, or tokens, with each of the piece's labels. */
  readonly labels: number[];
  /** Of the training split's numbers, where rows have numbers. */
  readonly numbers: ExactSums;
  /** By feature: how many tokens of the training split have each value that any has. */
  readonly features: [value: string, count: number][][];
  /** Tokens of the training split. */
  readonly tokens: number;
}

/**
 * Counts the words of a training source's piece, and writes counts and first positions (in tokens
 * of the piece) of the words in the order of the piece's dictionary. Uint32 [2, words]
 */
export function countPiece(job: BuildJob, index: number, tally: Tally): PieceCounts {
  const placed = job.pieces[index]!;
  const piece = new PieceFile(placed.dir, placed.record);
  try {
    const counter = new WordCounts(piece, job);
    const labels = new Array<number>(placed.record.labels.length).fill(0);
    const numbers = new ExactAdder();
    let features: PieceCounts['features'] = [];
    if (taskOf(job.task).rows === 'apart') {
      features = countRows(job, placed, piece, counter, labels, numbers);
    } else {
      const [first] = assignTokens(placed, placed.record.tokens, job.fractions);
      if (first?.split === 'train') counter.count(first.end);
    }
    if (placed.record.words > 0) counter.write(join(job.scratch, countsName(index)));
    count(tally, 'bytes', placed.record.bytes);
    return { labels, numbers: numbers.total(), features, tokens: counter.tokens };
  } finally {
    piece.close();
  }
}

export const countsName = (index: number): string => `${index}.counts`;

function countRows(
  job: BuildJob,
  placed: PlacedPiece,
  piece: PieceFile,
  counter: WordCounts,
  labels: number[],
  numbers: ExactAdder,
): PieceCounts['features'] {
  const { gives, target } = taskOf(job.task);
  const splitOf = assignRows(placed, job.fractions);
  if (gives === 'tokens') {
    const features = new FeatureNumbers(piece);
    const counts = features.values.map((values) => new Uint32Array(values.length));
    piece.eachTaggedRow(({ row }, tags) => {
      const values = features.read(tags.length);
      if (splitOf(placed.rowsBefore + row) !== 'train') {
        counter.skip(tags.length);
        return;
      }
      for (const tag of tags) labels[tag]! += 1;
      counter.count(tags.length);
      counts.forEach((counted, feature) => {
        for (let i = 0; i < tags.length; i++) counted[values[feature]![i]!]! += 1;
      });
    });
    return features.values.map((values, feature) =>
      values.flatMap((value, i) =>
        counts[feature]![i]! > 0 ? [[value, counts[feature]![i]!]] : [],
      ),
    );
  }
  piece.eachRow(({ row }, label, tokens) => {
    if (splitOf(placed.rowsBefore + row) !== 'train') {
      counter.skip(tokens);
      return;
    }
    if (target === 'number') numbers.add(label);
    else labels[label]! += 1;
    counter.count(tokens);
  });
  return [];
}

const windowTokens = 1 << 14;

class WordCounts {
  tokens = 0;
  #position = 0;
  /** By number of the word. */
  readonly #counts: Uint32Array;
  readonly #firsts: Uint32Array;
  readonly #reader: TokenReader | undefined;
  readonly #window = new Uint32Array(windowTokens);

  constructor(
    private readonly piece: PieceFile,
    { plainBytes }: BuildJob,
  ) {
    const { words } = piece.record;
    this.#counts = new Uint32Array(words);
    this.#firsts = new Uint32Array(words).fill(never);
    // Without a dictionary there is nothing to count but tokens.
    if (words > 0) this.#reader = readTokens(piece, plainBytes);
  }

  count(tokens: number): void {
    this.tokens += tokens;
    this.#walk(tokens, (window, length, position) => {
      for (let i = 0; i < length; i++) {
        const word = window[i]!;
        this.#counts[word]! += 1;
        if (this.#firsts[word] === never) this.#firsts[word] = position + i;
      }
    });
  }

  skip(tokens: number): void {
    this.#walk(tokens, () => undefined);
  }

  write(path: string): void {
    const numbers = this.piece.readWords('wordNumbers');
    const table = new Uint32Array(2 * numbers.length);
    numbers.forEach((number, place) => {
      table[place] = this.#counts[number]!;
      table[numbers.length + place] = this.#firsts[number]!;
    });
    writeFileSync(path, table);
  }

  #walk(
    tokens: number,
    visit: (window: Uint32Array, length: number, position: number) => void,
  ): void {
    if (this.#reader === undefined) return;
    for (let left = tokens; left > 0;) {
      const length = Math.min(left, windowTokens);
      this.#reader.read(this.#window, length);
      visit(this.#window, length, this.#position);
      this.#position += length;
      left -= length;
    }
  }
}
