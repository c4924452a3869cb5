import type { BatchSource, HostBatch } from '../data/batches/batches.js';
import { UserError } from '../errors.js';
import type { FeatureShape } from '../model/graph/shape.js';
import type { NetworkSizes } from '../model/sizes.js';
import type { Engine } from './engine.js';

/**
 * Arrays that a batch is read into before it is laid out.
 *
 * @param features of its tokens
 * @param targetWords of a row's target
 */
export function createHostBatch(
  sizes: Pick<NetworkSizes, 'maxRows' | 'maxTokens' | 'source'>,
  features: readonly FeatureShape[] = [],
  targetWords = 1,
): HostBatch {
  return {
    rows: 0,
    tokens: new Int32Array(sizes.maxTokens),
    rowStart: new Int32Array(sizes.maxRows + 1),
    labels: new Int32Array(sizes.maxRows * targetWords),
    targets: new Int32Array(sizes.maxTokens),
    features: features.map(({ letters = 1 }) => new Int32Array(letters * sizes.maxTokens)),
    ...(sizes.source && {
      source: {
        tokens: new Int32Array(sizes.source.maxTokens),
        rowStart: new Int32Array(sizes.maxRows + 1),
      },
    }),
    startsFresh: true,
  };
}

/** Tells that a batch could not be read: what was computed before is whole. */
export class ReadFailure extends UserError {}

/**
 * Reads batches one ahead: while a batch is computed, the next is read and laid out in the other slot of a pair.
 */
export class BatchFeed {
  readonly #batch: HostBatch;
  #next: { step: number; ready: Promise<boolean> } | undefined;

  /** @param slotPair first slot of the pair to lay batches out in */
  constructor(
    private readonly engine: Engine,
    private readonly source: BatchSource,
    private readonly slotPair: number,
  ) {
    const { sizes } = engine.handle;
    this.#batch = createHostBatch(sizes, sizes.shape.features, engine.plan.targetWords);
  }

  /** Slot of a step's batch. */
  slotOf(step: number): number {
    return this.slotPair + (step % 2);
  }

  /**
   * Resolves when the batch of `step` lies in its slot. Carried state is set to zero where a batch starts afresh,
   * so the step before must be finished.
   *
   * @throws ReadFailure for what keeps it from being read and has a sentence of its own
   */
  async take(step: number): Promise<number> {
    const ready = this.#next?.step === step ? this.#next.ready : this.#load(step);
    this.#next = undefined;
    const startsFresh = await ready.catch(refuse);
    const slot = this.slotOf(step);
    // Workers that are ahead compute it already: a batch that starts afresh is begun only where nothing is carried.
    if (startsFresh && !this.engine.isAhead) this.engine.clearState(slot);
    return slot;
  }

  /**
   * Begins to read the batch of `step`, to be taken next.
   *
   * @param laidOut hears when it lies in its slot, and whether the state that it starts from is what the batch before leaves
   */
  prefetch(step: number, laidOut?: (goesOn: boolean) => void): void {
    const ready = this.#load(step);
    const { carries } = this.engine.handle.sizes.shape;
    // An error waits until its batch is asked for.
    void ready.then(
      (startsFresh) => laidOut?.(!carries || !startsFresh),
      () => undefined,
    );
    this.#next = { step, ready };
  }

  /**
   * Reads the batch of `step`, to be taken next.
   *
   * @throws what keeps it from being read
   */
  async fetch(step: number): Promise<void> {
    this.prefetch(step);
    await this.#next!.ready;
  }

  async #load(step: number): Promise<boolean> {
    await this.source.read(step, this.#batch);
    this.engine.load(this.slotOf(step), this.#batch);
    return this.#batch.startsFresh;
  }
}

function refuse(error: unknown): never {
  if (!(error instanceof UserError)) throw error;
  throw new ReadFailure(error.message, { cause: error });
}
