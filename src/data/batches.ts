import { UserError } from '../errors.js';
import { permute } from './order.js';
import type { TokenStore } from './token-store.js';

/**
 * Where `read` lays a batch. The caller owns the arrays (views on a heap that workers share) and
 * makes them as large as the source's `maxTokens` and `maxRows` say.
 */
export interface HostBatch {
  /** Rows of this batch. */
  rows: number;
  /** Token ids, row after row. [maxTokens] */
  tokens: Int32Array;
  /** Where each row begins in `tokens`; `rowStart[rows]` is where the last ends. [maxRows + 1] */
  rowStart: Int32Array;
  /** Class of each row; for `classify`. [maxRows] */
  labels: Int32Array;
  /** The token that follows each token; for language models. [maxTokens] */
  targets: Int32Array;
  /** Whether carried hidden state is zero at the start of this batch. */
  startsFresh: boolean;
}

/** Batches by number, so that a resumed run costs no more than a new one. */
export interface BatchSource {
  readonly stepsPerEpoch: number;
  readonly maxTokens: number;
  readonly maxRows: number;
  /** Tokens of the longest row of a batch. */
  readonly maxSteps: number;
  /** Lays batch `step` into `into`; steps count from 0 over all epochs. */
  read(step: number, into: HostBatch): Promise<void>;
}

export interface ClassifyOptions {
  /** Rows of a batch; the last of an epoch may have fewer. */
  readonly batchSize: number;
  readonly seed: number;
  /** Whether every epoch has an order of its own; otherwise rows come as they are stored. */
  readonly shuffle: boolean;
}

/** Batches of whole rows with their labels. */
export function classifyBatches(
  store: TokenStore,
  { batchSize, seed, shuffle }: ClassifyOptions,
): BatchSource {
  const stepsPerEpoch = Math.ceil(store.rows / batchSize);
  const maxRows = Math.min(batchSize, store.rows);
  return {
    stepsPerEpoch,
    maxRows,
    maxTokens: maxRows * store.longestRow,
    maxSteps: store.longestRow,
    async read(step, into) {
      const rows = rowsOfBatch(store.rows, { batchSize, seed, shuffle }, step);
      into.rows = rows.length;
      into.startsFresh = true;
      await store.readRows(rows, into);
    },
  };
}

/** Which of a store's `storeRows` rows make up batch `step`; steps count from 0 over all epochs. */
export function rowsOfBatch(
  storeRows: number,
  { batchSize, seed, shuffle }: ClassifyOptions,
  step: number,
): number[] {
  const stepsPerEpoch = Math.ceil(storeRows / batchSize);
  const first = (step % stepsPerEpoch) * batchSize;
  const epoch = Math.floor(step / stepsPerEpoch);
  const order = shuffle ? permute(storeRows, seed, epoch) : (index: number) => index;
  const length = Math.min(batchSize, storeRows - first);
  return Array.from({ length }, (_, i) => order(first + i));
}

export interface LanguageModelOptions {
  /** Streams that are read side by side, each carrying its hidden state from batch to batch. */
  readonly batchSize: number;
  /** Tokens of each stream in a batch. */
  readonly sequenceLength: number;
}

/**
 * Batches for truncated back-propagation through time: the N tokens of the store are cut into
 * `batchSize` streams of L = floor((N-1) / batchSize) tokens, and every stream into the fewest pieces of
 * at most T = `sequenceLength` tokens whose lengths differ by at most one: a batch of a short remainder
 * would weigh as much as a whole one and throw training back.
 *
 * @throws UserError when the corpus has not one token and its successor for each stream.
 */
export function languageModelBatches(
  store: TokenStore,
  { batchSize, sequenceLength }: LanguageModelOptions,
): BatchSource {
  const streamLength = Math.floor((store.tokens - 1) / batchSize);
  if (streamLength < 1) {
    throw new UserError(
      `The corpus has ${store.tokens} tokens, too few for train.batchSize ${batchSize}: ` +
        `expected at least ${batchSize + 1}.`,
    );
  }
  const stepsPerEpoch = Math.ceil(streamLength / sequenceLength);
  return {
    stepsPerEpoch,
    maxRows: batchSize,
    maxTokens: batchSize * Math.ceil(streamLength / stepsPerEpoch),
    maxSteps: Math.ceil(streamLength / stepsPerEpoch),
    async read(step, into) {
      const piece = step % stepsPerEpoch;
      const first = Math.floor((piece * streamLength) / stepsPerEpoch);
      const length = Math.floor(((piece + 1) * streamLength) / stepsPerEpoch) - first;
      into.rows = batchSize;
      into.startsFresh = first === 0;
      const reads: Promise<void>[] = [];
      for (let row = 0; row < batchSize; row++) {
        const start = row * streamLength + first;
        into.rowStart[row] = row * length;
        reads.push(
          store.readTokens(start, length, into.tokens, row * length),
          store.readTokens(start + 1, length, into.targets, row * length),
        );
      }
      into.rowStart[batchSize] = batchSize * length;
      await Promise.all(reads);
    },
  };
}
