import { Mixture, type Share, type Stretch } from './mixture.js';

export interface StreamBatchOptions {
  /** Streams that are read side by side, each carrying its hidden state from batch to batch. */
  readonly batchSize: number;
  /** Tokens of each stream in a batch. */
  readonly sequenceLength: number;
  /** Of each feature of its tokens how many numbers a token a batch brings. */
  readonly features?: readonly number[];
  /** Whether every token but the first of an epoch is a target: else those that do not fill all streams alike are left out. */
  readonly whole?: boolean;
  /** The store's sources, in order, with their weights; all tokens once an epoch when absent. */
  readonly shares?: readonly Share[];
}

/**
 * Which tokens of a store make up which batch: the N tokens of an epoch are cut into `batchSize` streams of
 * L = floor((N-1) / batchSize) tokens, and every stream into the fewest pieces of at most T = `sequenceLength`
 * tokens whose lengths differ by at most one: a batch of a short remainder would weigh as much as a whole one
 * and throw training back. As a whole, the first (N-1) mod `batchSize` streams have a token more, in the last of their pieces.
 */
export class BatchStreams {
  readonly tokensPerEpoch: number;
  /** Tokens of the longest stream. */
  readonly streamLength: number;
  readonly stepsPerEpoch: number;
  readonly #mixture: Mixture;
  /** How many streams, the first ones, are as long as the longest: where not all are, the others have a token less. */
  readonly #longest: number;

  constructor(tokens: number, options: StreamBatchOptions) {
    const { batchSize, sequenceLength, shares, whole = false } = options;
    this.#mixture = new Mixture(shares ?? [{ size: tokens, weight: 1 }], 0);
    this.tokensPerEpoch = this.#mixture.size;
    const targets = this.tokensPerEpoch - 1;
    const more = whole ? Math.max(0, targets % batchSize) : 0;
    this.streamLength = Math.floor(targets / batchSize) + (more > 0 ? 1 : 0);
    this.#longest = more > 0 ? more : batchSize;
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

  /** Where a stream begins, in tokens of an epoch. */
  startOf(stream: number): number {
    return stream * this.streamLength - Math.max(0, stream - this.#longest);
  }

  /** Tokens that a stream has in a piece of the longest. */
  lengthIn({ first, length }: { first: number; length: number }, stream: number): number {
    const all = stream < this.#longest ? this.streamLength : this.streamLength - 1;
    return Math.min(length, all - first);
  }

  /** The token of the store that row `row` of batch `step` begins with. */
  tokenOf(step: number, row: number): number {
    const { epoch, first } = this.piece(step);
    return this.stretch(this.startOf(row) + first, epoch).start;
  }

  /** Tokens of the store from place `index` of an epoch on, as far as they lie side by side. */
  stretch(index: number, epoch: number): Stretch {
    return this.#mixture.stretch(index, epoch);
  }
}
