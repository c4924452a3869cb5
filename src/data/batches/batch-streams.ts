import { Mixture, type Share, type Stretch } from './mixture.js';

export interface StreamBatchOptions {
  /** Streams that are read side by side, each carrying its hidden state from batch to batch. */
  readonly batchSize: number;
  /** Tokens of each stream in a batch. */
  readonly sequenceLength: number;
  /** Of each feature of its tokens how many numbers a token a batch brings. */
  readonly features?: readonly number[];
  /** The store's sources, in order, with their weights; all tokens once an epoch when absent. */
  readonly shares?: readonly Share[];
}

/**
 * Which tokens of a store make up which batch: the N tokens of an epoch are cut into `batchSize` streams of
 * L = floor((N-1) / batchSize) tokens, and every stream into the fewest pieces of at most T = `sequenceLength`
 * tokens whose lengths differ by at most one: a batch of a short remainder would weigh as much as a whole one
 * and throw training back.
 */
export class BatchStreams {
  readonly tokensPerEpoch: number;
  readonly streamLength: number;
  readonly stepsPerEpoch: number;
  readonly #mixture: Mixture;

  constructor(tokens: number, { batchSize, sequenceLength, shares }: StreamBatchOptions) {
    this.#mixture = new Mixture(shares ?? [{ size: tokens, weight: 1 }], 0);
    this.tokensPerEpoch = this.#mixture.size;
    this.streamLength = Math.floor((this.tokensPerEpoch - 1) / batchSize);
    this.stepsPerEpoch = Math.ceil(this.streamLength / sequenceLength);
  }

  /** Which piece of every stream batch `step` holds; steps count from 0 over all epochs. */
  piece(step: number): { epoch: number; first: number; length: number } {
    const { streamLength, stepsPerEpoch } = this;
    const piece = step % stepsPerEpoch;
    const first = Math.floor((piece * streamLength) / stepsPerEpoch);
    const length = Math.floor(((piece + 1) * streamLength) / stepsPerEpoch) - first;
    return { epoch: Math.floor(step / stepsPerEpoch), first, length };
  }

  /** The token of the store that row `row` of batch `step` begins with. */
  tokenOf(step: number, row: number): number {
    const { epoch, first } = this.piece(step);
    return this.stretch(row * this.streamLength + first, epoch).start;
  }

  /** Tokens of the store from place `index` of an epoch on, as far as they lie side by side. */
  stretch(index: number, epoch: number): Stretch {
    return this.#mixture.stretch(index, epoch);
  }
}
