import type { Precision } from '../backend/backend.js';
import type { OptimizerDescription } from '../optimizers/optimizer.js';
import type { Signal } from './signal.js';
import { streamsOf, type NetworkShape } from './graph/shape.js';

/** A network and the batches that it is to hold: everything about its memory follows. */
export interface NetworkSizes {
  shape: NetworkShape;
  /** Largest batch: rows, tokens over all rows, and tokens of one row. */
  maxRows: number;
  maxTokens: number;
  maxSteps: number;
  /** The same of the source, which has as many rows. */
  source?: { maxTokens: number; maxSteps: number };
  /** Of a source whose distinct tokens are numbered together with those of its batch: the latter's tokens. */
  numberedWith?: number;
  /** Workers that a step is divided among, and the teams that they work in. */
  parts: number;
  teams: number;
  shards: number;
  seed: number;
  /** Whether gradients and optimizer state are needed. */
  training: boolean;
  optimizer: OptimizerDescription;
  /** What the products' operands are rounded to; float32 where nothing is said. */
  precision?: Precision;
  /** Whether averages of the weights are kept, too, in training. */
  averages?: boolean;
  /** Whether an update may follow from several batches. */
  accumulates?: boolean;
}

/**
 * Batches that can be laid out at the same time. The two of a pair alternate, so that one is filled while the
 * other is computed, and carried state is read from one's buffers and written to the other's. Evaluation has
 * a pair of its own: it must not disturb the state that training carries. Predictions, which nobody asks for while
 * training goes on, take its pair, and can so stand between two batches of an evaluation.
 */
export const SLOT = { training: 0, prediction: 0, evaluation: 2 } as const;
export const SLOTS = 4;

/**
 * Sizes of the batch that the distinct spellings of a batch are, whose rows are spellings and whose tokens their letters: each part has
 * some of the rows to itself.
 *
 * @param stream of the letters
 */
export function spellingSizes(sizes: NetworkSizes, stream: number): NetworkSizes {
  const { values: vocabulary, spells } = streamsOf(sizes.shape)[stream]!;
  const { layers, loss } = sizes.shape;
  const own = { ...sizes };
  // Letters are of the batch's own tokens.
  delete own.source;
  return {
    ...own,
    shape: { vocabulary, layers, loss, carries: false },
    maxRows: sizes.maxTokens,
    maxTokens: spells!.most * sizes.maxTokens,
    maxSteps: spells!.most,
    teams: sizes.parts,
  };
}

/** Sizes of the batch that the source is, of the same rows, which parts share as they do those of the batch. */
export function sourceSizes({ source, ...sizes }: NetworkSizes): NetworkSizes {
  const { source: tokens, layers, loss } = sizes.shape;
  if (!source || !tokens) throw new Error('the network reads no source');
  return {
    ...{ ...sizes, ...source },
    ...(tokens.isShared && { numberedWith: sizes.maxTokens }),
    shape: { vocabulary: tokens.vocabulary, layers, loss, carries: false },
  };
}

/** Sizes of what a signal belongs to. */
export function sizesOf(sizes: NetworkSizes, of: Signal['of']): NetworkSizes {
  return of === 'source' ? sourceSizes(sizes) : sizes;
}

/** Places for tokens: a block of an even number of them is followed by an empty one (see batch/batch-layout.ts). */
export function maxPlaces({ maxTokens, maxRows }: NetworkSizes): number {
  return maxTokens + maxRows;
}

/**
 * Most distinct tokens of a batch, those of its source included where they are numbered together, or distinct values of a feature of
 * theirs, or distinct letters.
 */
export function maxDistinct(
  { shape, maxTokens, source, numberedWith = 0 }: NetworkSizes,
  stream = 0,
): number {
  const { values, spells } = streamsOf(shape)[stream]!;
  const others = shape.source?.isShared ? source!.maxTokens : numberedWith;
  return Math.min(values, stream === 0 ? maxTokens + others : maxTokens * (spells?.most ?? 1));
}

/** Most rows of a signal. */
export function mostRows(
  sizes: NetworkSizes,
  { per, stream }: Pick<Signal, 'per' | 'stream'>,
): number {
  if (per === 'row') return sizes.maxRows;
  return per === 'token' ? maxPlaces(sizes) : maxDistinct(sizes, stream);
}

/** Threads that may hold a place at once: every worker, and as many that have died and are not yet buried. */
export function threadPlaces(parts: number): number {
  return 2 * parts + 2;
}
