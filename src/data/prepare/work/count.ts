import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { errorCode } from '../../../system/error-code.js';
import { taskOf } from '../../../tasks/registry.js';
import { assignRows, assignTokens, type PlacedPiece } from './assignment.js';
import {
  PieceFile,
  readTokens,
  sectionOf,
  SOURCE_STREAM,
  type TokenReader,
  wordsOf,
} from '../pieces/piece.js';
import { leftOut } from './pair-filter.js';
import { ExactAdder, type ExactSums } from './exact-sums.js';
import type { BuildJob } from './job.js';
import { count, type Tally } from './tally.js';

/** The second stage: how often each word of a piece, and each value of a feature, stands in the training split, and where first. */

/** Stands for "never" where a first position is expected. */
export const never = 0xffff_ffff;

export interface PieceCounts {
  /** Rows of the training split, or tokens, with each of the piece's labels. */
  readonly labels: number[];
  /** Of the training split's numbers, where rows have numbers. */
  readonly numbers: ExactSums;
  /** Of the training split. */
  readonly rows: number;
}

/**
 * Counts the words of a training source's piece, and the values of features, and writes of each such stream counts and
 * first positions (in tokens of the piece) in the order of the piece's dictionary. Uint32 [2, words]
 */
export function countPiece(job: BuildJob, index: number, tally: Tally): PieceCounts {
  const placed = job.pieces[index]!;
  const piece = new PieceFile(placed.dir, placed.record);
  try {
    const counter = new TokenCounts(piece, job);
    const labels = new Array<number>(placed.record.labels.length).fill(0);
    const numbers = new ExactAdder();
    if (taskOf(job.task).gives === 'pairs') {
      const left = countPairs(job, placed, piece, counter);
      if (left.length > 0)
        writeFileSync(join(job.scratch, leftName(index)), Uint32Array.from(left));
    } else if (taskOf(job.task).rows === 'apart') {
      countRows(job, placed, piece, counter, labels, numbers);
    } else {
      const [first] = assignTokens(placed, placed.record.tokens, job.fractions);
      if (first?.split === 'train') counter.count(first.end);
    }
    counter.write((stream) => join(job.scratch, countsName(index, stream)));
    count(tally, 'bytes', placed.record.bytes);
    return { labels, numbers: numbers.total(), rows: counter.rows };
  } finally {
    piece.close();
  }
}

/** @param stream 0 of words, or the number of a feature */
export const countsName = (index: number, stream: number): string => `${index}-${stream}.counts`;

/** Numbers of a piece's rows that its limits leave out of training. Uint32; no such file where there are none */
const leftName = (index: number): string => `${index}.left`;

/** What `countPiece` has left out of a piece. */
export function readLeft(scratch: string, index: number): ReadonlySet<number> {
  let bytes: Buffer;
  try {
    bytes = readFileSync(join(scratch, leftName(index)));
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') throw error;
    return new Set();
  }
  return new Set(new Uint32Array(Uint8Array.from(bytes).buffer));
}

/** Gives the rows that are left out of training. */
function countPairs(
  { fractions, pairs }: BuildJob,
  placed: PlacedPiece,
  piece: PieceFile,
  counter: TokenCounts,
): number[] {
  const splitOf = assignRows(placed, fractions);
  const left: number[] = [];
  piece.eachRow('one label', ({ row }, [sources], tokens) => {
    const isTrained = splitOf(placed.rowsBefore + row) === 'train';
    const isLeft = isTrained && leftOut(pairs!, sources!, tokens) !== undefined;
    if (isLeft) left.push(row);
    if (isTrained && !isLeft) counter.countPair(sources!, tokens);
    else counter.skipPair(sources!, tokens);
  });
  return left;
}

function countRows(
  job: BuildJob,
  placed: PlacedPiece,
  piece: PieceFile,
  counter: TokenCounts,
  labels: number[],
  numbers: ExactAdder,
): void {
  const { gives, target } = taskOf(job.task);
  const splitOf = assignRows(placed, job.fractions);
  if (gives === 'tokens') {
    piece.eachTaggedRow(({ row }, tags) => {
      if (splitOf(placed.rowsBefore + row) !== 'train') {
        counter.skip(tags.length);
        return;
      }
      for (const tag of tags) labels[tag]! += 1;
      counter.countRow(tags.length);
    });
    return;
  }
  piece.eachRow(target === 'labels' ? 'labels' : 'one label', ({ row }, own, tokens) => {
    if (splitOf(placed.rowsBefore + row) !== 'train') {
      counter.skip(tokens);
      return;
    }
    if (target === 'number') numbers.add(own[0]!);
    else for (const label of own) labels[label]! += 1;
    counter.countRow(tokens);
  });
}

const windowTokens = 1 << 14;

/** Of the words, and of the values of each feature. */
class TokenCounts {
  rows = 0;
  readonly #streams: readonly WordCounts[];

  constructor(piece: PieceFile, { plainBytes, pairs }: BuildJob) {
    this.#streams = [0, ...piece.record.values.map((_, i) => i + 1)].map(
      (stream) =>
        new WordCounts(
          piece,
          stream,
          stream === SOURCE_STREAM && pairs ? pairs.plainBytes : plainBytes,
        ),
    );
  }

  countPair(sources: number, targets: number): void {
    this.rows += 1;
    this.#streams[0]!.count(targets);
    this.#streams[SOURCE_STREAM]!.count(sources);
  }

  skipPair(sources: number, targets: number): void {
    this.#streams[0]!.skip(targets);
    this.#streams[SOURCE_STREAM]!.skip(sources);
  }

  countRow(tokens: number): void {
    this.rows += 1;
    this.count(tokens);
  }

  count(tokens: number): void {
    for (const each of this.#streams) each.count(tokens);
  }

  skip(tokens: number): void {
    for (const each of this.#streams) each.skip(tokens);
  }

  write(pathOf: (stream: number) => string): void {
    this.#streams.forEach((each, stream) => each.write(pathOf(stream)));
  }
}

class WordCounts {
  #position = 0;
  /** By number of the word. */
  readonly #counts: Uint32Array;
  readonly #firsts: Uint32Array;
  readonly #reader: TokenReader | undefined;
  readonly #window = new Uint32Array(windowTokens);

  constructor(
    private readonly piece: PieceFile,
    private readonly stream: number,
    plainBytes: boolean,
  ) {
    const words = wordsOf(piece.record, stream);
    this.#counts = new Uint32Array(words);
    this.#firsts = new Uint32Array(words).fill(never);
    // Without a dictionary there is nothing to count but tokens.
    if (words > 0) this.#reader = readTokens(piece, plainBytes, stream);
  }

  count(tokens: number): void {
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
    if (this.#counts.length === 0) return;
    const numbers = this.piece.readWords(sectionOf('wordNumbers', this.stream));
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
