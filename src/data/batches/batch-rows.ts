import { cutEvenly } from './even-cuts.js';
import { Mixture, type Share } from './mixture.js';
import { mix, permute } from './order.js';
import type { TokenStore } from '../store/token-store.js';

export interface RowBatchOptions {
  /** Rows of a batch; the last of an epoch may have fewer. */
  readonly batchSize: number;
  readonly seed: number;
  /** Whether every epoch has an order of its own; otherwise rows come as they are stored. */
  readonly shuffle: boolean;
  /** Batches whose rows are sorted by length together; 1 leaves rows in the epoch's order. */
  readonly bucketBatches: number;
  /** Whether every token has a target, its tag; else every row has one, its label. */
  readonly tagged?: boolean;
  /** Of each feature of its tokens that a batch brings: how many numbers a token has. */
  readonly features?: readonly number[];
  /** The store's sources, in order, with their weights; all rows once an epoch when absent. */
  readonly shares?: readonly Share[];
  /**
   * Where the batches of a window are to cost about the same, rather than have as many rows each: what a row costs at least, whose
   * longer side, with a token more for a target, has fewer tokens.
   */
  readonly leastCost?: number;
}

/** Rows whose batches are made up together. */
interface Window {
  readonly index: number;
  readonly rows: Float64Array;
  /** Where each batch begins, and the last one ends. */
  readonly starts: ArrayLike<number>;
}

/**
 * Which rows of a store make up which batch. Every epoch is a permutation of the rows, seeded by its number.
 *
 * With buckets, a window of consecutive batches of that permutation is sorted by length and cut into batches anew,
 * and the batches of the window are shuffled, so that rows of a batch are of about the same length while nothing
 * larger than a window is in memory. Pairs are sorted by their targets, and such of the same length by their sources.
 * Any batch costs the same to find, the first or the last.
 */
export class BatchRows {
  readonly rowsPerEpoch: number;
  readonly stepsPerEpoch: number;
  readonly #mixture: Mixture;
  #window: Window | undefined;

  constructor(
    private readonly store: Pick<TokenStore, 'rows' | 'readLengths' | 'source'>,
    private readonly options: RowBatchOptions,
  ) {
    const { seed, shares = [{ size: store.rows, weight: 1 }] } = options;
    this.#mixture = new Mixture(shares, seed);
    this.rowsPerEpoch = this.#mixture.size;
    this.stepsPerEpoch = Math.ceil(this.rowsPerEpoch / options.batchSize);
  }

  /** The rows of batch `step`; steps count from 0 over all epochs. */
  async of(step: number): Promise<Float64Array> {
    const { batchSize, bucketBatches, seed } = this.options;
    const epoch = Math.floor(step / this.stepsPerEpoch);
    const batch = step % this.stepsPerEpoch;
    if (bucketBatches === 1) return this.#list(epoch, batch * batchSize, batchSize);
    const window = Math.floor(batch / bucketBatches);
    const firstBatch = window * bucketBatches;
    const index = epoch * this.stepsPerEpoch + firstBatch;
    if (this.#window?.index !== index) {
      const rows = this.#list(epoch, firstBatch * batchSize, bucketBatches * batchSize);
      this.#window = { index, ...(await this.#makeUp(rows)) };
    }
    const { rows, starts } = this.#window;
    const batches = starts.length - 1;
    const shuffled = permute(batches, mix(mix(seed, 0xb0c4_e7ed), epoch), window);
    const place = shuffled(batch - firstBatch);
    return rows.slice(starts[place], starts[place + 1]);
  }

  /** Up to `count` rows from a place of an epoch on. */
  #list(epoch: number, first: number, count: number): Float64Array {
    const { seed, shuffle } = this.options;
    const order = shuffle ? permute(this.rowsPerEpoch, seed, epoch) : (place: number) => place;
    const length = Math.min(count, this.rowsPerEpoch - first);
    return Float64Array.from({ length }, (_, i) => this.#mixture.draw(order(first + i), epoch));
  }

  /** Sorts rows by length, equal ones in their order, and cuts them into batches. */
  async #makeUp(rows: Float64Array): Promise<Omit<Window, 'index'>> {
    const lengths = new Int32Array(rows.length);
    // Zeros where rows are no pairs.
    const sources = new Int32Array(rows.length);
    await this.store.readLengths(rows, lengths, this.store.source && sources);
    const places = Uint32Array.from(rows.keys());
    places.sort((a, b) => lengths[a]! - lengths[b]! || sources[a]! - sources[b]! || a - b);
    const { batchSize, leastCost } = this.options;
    const batches = Math.ceil(rows.length / batchSize);
    const costs =
      leastCost === undefined
        ? undefined
        : Array.from(places, (place) => Math.max(leastCost, lengths[place]! + 1, sources[place]!));
    return {
      rows: Float64Array.from(places, (place) => rows[place]!),
      starts: costs
        ? cutEvenly(costs, batches)
        : Array.from({ length: batches + 1 }, (_, i) => Math.min(i * batchSize, rows.length)),
    };
  }
}
