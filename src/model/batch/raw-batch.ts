import { UserError } from '../../errors.js';
import { WORD_BITS } from '../../tensor/label-sets.js';
import type { FeatureShape } from '../graph/shape.js';

/** A batch as it was read: the tokens of each row behind one another. */
export interface RawBatch extends RawTokens {
  rows: number;
  /** Class of every row, where rows have targets, its number as the bits of a float32, or, row after row, the words of its set. */
  labels: Int32Array;
  /** Of every token, where tokens have targets: the next one, or a class. */
  targets: Int32Array;
  /** Of every token, one array a feature: the id of its value, or as many numbers as it may have letters (see Speller). */
  features?: readonly Int32Array[];
  /** A second text of the same rows, in the same order. */
  source?: RawTokens;
  /** In the place of a source: which row of the one that was laid out last each row has. */
  sourceRow?: Int32Array;
  /** Beside it: which row of the batch before each row goes on from; several may go on from one. */
  parents?: Int32Array;
}

/** Ids: the tokens of row r are tokens[rowStart[r]] … tokens[rowStart[r + 1] − 1]. */
export interface RawTokens {
  tokens: Int32Array;
  rowStart: Int32Array;
}

/** What a network knows of ids. */
export interface KnownIds {
  /** Whether every row has a target, its label, or every token. */
  target: 'row' | 'token';
  /** Ids of tokens, and of targets or classes, are below these. */
  vocabulary: number;
  features?: readonly FeatureShape[];
  source?: { vocabulary: number };
  outputs: number;
  /** Whether targets are ids, the bits of numbers, or sets of labels, a bit each. */
  compares: 'ids' | 'numbers' | 'sets';
  /** Int32 words of a target; one where absent. */
  targetWords?: number;
}

/** @throws UserError for ids that the network does not know: kernels would read beside their tables */
export function checkBatch(
  { rows, tokens, rowStart, labels, targets, features = [], source, sourceRow }: RawBatch,
  { target, vocabulary, outputs, compares, targetWords = 1, ...known }: KnownIds,
): void {
  const { features: values = [] } = known;
  if (rows < 1) throw new RangeError('a batch has no rows');
  requireBelow(vocabulary, 'token ids', tokens, rowStart[0]!, rowStart[rows]!);
  values.forEach(({ values: limit, letters }, i) => {
    const [given, begin, end] = [features[i]!, rowStart[0]!, rowStart[rows]!];
    if (letters === undefined) requireBelow(limit, 'ids of features', given, begin, end);
    else requireBelow(limit + 1, 'ids of letters', given, letters * begin, letters * end);
  });
  if (known.source && !sourceRow) checkSource(rows, source, known.source.vocabulary);
  if (compares === 'numbers') requireFinite(labels, rows);
  else if (compares === 'sets') requireSets(labels, rows, targetWords, outputs);
  else if (target === 'token') {
    requireBelow(outputs, 'token ids', targets, rowStart[0]!, rowStart[rows]!);
  } else requireBelow(outputs, 'class ids', labels, 0, rows);
}

/** @throws RangeError for a batch that is larger than was planned for: what is over would be left out in silence */
export function expectRoom(
  { rows, rowStart }: RawBatch,
  maxRows: number,
  maxTokens: number,
  maxSteps: number,
): void {
  const tokens = rowStart[rows]! - rowStart[0]!;
  let steps = 0;
  for (let r = 0; r < rows; r++) steps = Math.max(steps, rowStart[r + 1]! - rowStart[r]!);
  if (rows <= maxRows && tokens <= maxTokens && steps <= maxSteps) return;
  throw new RangeError(
    `a batch of ${rows} rows, ${tokens} tokens and rows of up to ${steps} tokens has no room where ${maxRows}, ${maxTokens} and ${maxSteps} were planned for`,
  );
}

function checkSource(rows: number, source: RawTokens | undefined, vocabulary: number): void {
  if (!source) throw new RangeError('a batch has no source');
  const { tokens, rowStart } = source;
  requireBelow(vocabulary, 'token ids of the source', tokens, rowStart[0]!, rowStart[rows]!);
  for (let row = 0; row < rows; row++) {
    if (rowStart[row + 1]! > rowStart[row]!) continue;
    // Nothing could be attended to, and no state be its last.
    throw new UserError(
      'the token store is damaged: expected a source of every row, found an empty one; delete it and prepare the corpus again',
    );
  }
}

function requireBelow(
  limit: number,
  what: string,
  ids: Int32Array,
  begin: number,
  end: number,
): void {
  for (let i = begin; i < end; i++) {
    const id = ids[i]!;
    if (id >= 0 && id < limit) continue;
    throw new UserError(
      `the token store is damaged: expected ${what} below ${limit}, found ${id}; delete it and prepare the corpus again`,
    );
  }
}

/** Nothing stands behind the bit of the last label. */
function requireSets(sets: Int32Array, rows: number, words: number, labels: number): void {
  const last = labels % WORD_BITS;
  if (last === 0) return;
  for (let row = 0; row < rows; row++) {
    if (sets[(row + 1) * words - 1]! >>> last === 0) continue;
    throw new UserError(
      `the token store is damaged: expected sets of ${labels} labels, found one with others; delete it and prepare the corpus again`,
    );
  }
}

/** All that a number's highest exponent has set is infinite or none. */
function requireFinite(bits: Int32Array, end: number): void {
  for (let i = 0; i < end; i++) {
    if ((bits[i]! & 0x7f80_0000) !== 0x7f80_0000) continue;
    throw new UserError(
      'the token store is damaged: expected numbers as targets, found one that is none; delete it and prepare the corpus again',
    );
  }
}
