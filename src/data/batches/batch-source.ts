import type { RawBatch } from '../../model/batch/raw-batch.js';

/**
 * Where `read` lays a batch. The caller owns the arrays (views on memory that threads share) and makes them as large as the
 * source's `maxTokens` and `maxRows` say: `tokens` and `targets` [maxTokens], `rowStart` [maxRows + 1], `labels` [maxRows, words], and of
 * `features` each [maxTokens · numbers of a token]; of `source` tokens [source.maxTokens] and rowStart [maxRows + 1].
 */
export interface HostBatch extends RawBatch {
  /** Whether carried hidden state is zero at the start of this batch. */
  startsFresh: boolean;
}

/** What the largest batch of a source takes. */
export type BatchSizes = Pick<BatchSource, 'maxRows' | 'maxTokens' | 'maxSteps' | 'source'>;

/** Batches by number, so that a resumed run costs no more than a new one. */
export interface BatchSource {
  readonly stepsPerEpoch: number;
  readonly maxTokens: number;
  readonly maxRows: number;
  /** Tokens of the longest row of a batch. */
  readonly maxSteps: number;
  /** The same of the sources of pairs. */
  readonly source?: { readonly maxTokens: number; readonly maxSteps: number };
  /** Int32 words of a row's label; one where absent. */
  readonly labelWords?: number;
  /** Lays batch `step` into `into`; steps count from 0 over all epochs. Calls must not overlap. */
  read(step: number, into: HostBatch): Promise<void>;
}

/** Whether batches of some sizes fit into those that an engine was planned for. */
export function holdsAll(has: BatchSizes, wanted: BatchSizes): boolean {
  const holds = (own: TextSizes | undefined, other: TextSizes | undefined): boolean =>
    other === undefined ||
    (own !== undefined && own.maxTokens >= other.maxTokens && own.maxSteps >= other.maxSteps);
  return has.maxRows >= wanted.maxRows && holds(has, wanted) && holds(has.source, wanted.source);
}

type TextSizes = Pick<BatchSizes, 'maxTokens' | 'maxSteps'>;
