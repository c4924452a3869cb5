import { UserError } from '../../errors.js';
import { BatchRows, type RowBatchOptions } from './batch-rows.js';
import type { BatchSource } from './batch-source.js';
import { pairBatches, type PairBatchOptions, planPairs } from './pair-batches.js';
import { BatchStreams, type StreamBatchOptions } from './batch-streams.js';
import type { TokenStore } from '../store/token-store.js';
import { counted } from '../../system/counted.js';

export type { BatchSource, HostBatch } from './batch-source.js';

/** Which batches to make of a store: plain numbers, the same on every thread. */
export type BatchOptions =
  | ({ readonly rows: 'apart' } & RowBatchOptions)
  | ({ readonly rows: 'pairs' } & PairBatchOptions)
  | ({ readonly rows: 'joined' } & StreamBatchOptions);

/**
 * Batches of a store, read when they are asked for.
 *
 * @throws UserError when the corpus is too small for them.
 */
export function createBatches(store: TokenStore, options: BatchOptions): BatchSource {
  switch (options.rows) {
    case 'apart':
      return rowBatches(store, options);
    case 'pairs':
      return pairBatches(store, options);
    case 'joined':
      return streamBatches(store, options);
  }
}

/** Which rows the batches hold that are made of a store. */
export function rowsOfBatches(
  store: TokenStore,
  options: Exclude<BatchOptions, { rows: 'joined' }>,
): BatchRows {
  return options.rows === 'apart' ? new BatchRows(store, options) : planPairs(store, options).rows;
}

/** Batches of whole rows with their labels. */
export function rowBatches(store: TokenStore, options: RowBatchOptions): BatchSource {
  const batchRows = new BatchRows(store, options);
  const maxRows = Math.min(options.batchSize, batchRows.rowsPerEpoch);
  return {
    stepsPerEpoch: batchRows.stepsPerEpoch,
    maxRows,
    maxTokens: maxRows * store.longestRow,
    maxSteps: store.longestRow,
    labelWords: store.labelWords ?? 1,
    async read(step, into) {
      const rows = await batchRows.of(step);
      into.rows = rows.length;
      into.startsFresh = true;
      await store.readRows(rows, into);
    },
  };
}

/**
 * Batches for truncated back-propagation through time: see `BatchStreams`.
 *
 * @throws UserError when the corpus has not one token and its successor for each stream.
 */
export function streamBatches(store: TokenStore, options: StreamBatchOptions): BatchSource {
  const { batchSize } = options;
  const streams = new BatchStreams(store.tokens, options);
  if (streams.streamLength < 1) {
    const has = counted(streams.tokensPerEpoch, 'token');
    throw new UserError(
      options.whole
        ? `The text to evaluate (data.validation, or what --data names) has ${has}: expected at least 2, the second to be predicted.`
        : `The corpus has ${has}, too few for train.batchSize ${batchSize}: expected at least ${batchSize + 1}.`,
    );
  }
  const maxSteps = Math.ceil(streams.streamLength / streams.stepsPerEpoch);
  /** Tokens from a place of an epoch on, wherever in the store they lie. */
  const readTokens = async (
    place: number,
    epoch: number,
    length: number,
    into: Int32Array,
    at: number,
    features?: readonly Int32Array[],
  ): Promise<void> => {
    for (let done = 0; done < length;) {
      const { start, count } = streams.stretch(place + done, epoch);
      const taken = Math.min(count, length - done);
      await store.readTokens(start, taken, into, at + done, features);
      done += taken;
    }
  };
  return {
    stepsPerEpoch: streams.stepsPerEpoch,
    maxRows: batchSize,
    maxTokens: batchSize * maxSteps,
    maxSteps,
    async read(step, into) {
      const piece = streams.piece(step);
      const { epoch, first } = piece;
      into.startsFresh = first === 0;
      into.rowStart[0] = 0;
      let row = 0;
      for (; row < batchSize; row++) {
        const length = streams.lengthIn(piece, row);
        // Nothing is left of it, nor of the streams behind, which are no longer.
        if (length === 0) break;
        const [place, at] = [streams.startOf(row) + first, into.rowStart[row]!];
        await readTokens(place, epoch, length, into.tokens, at, into.features);
        await readTokens(place + 1, epoch, length, into.targets, at);
        into.rowStart[row + 1] = at + length;
      }
      into.rows = row;
    },
  };
}
