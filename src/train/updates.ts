/**
 * Which batches updates follow from: `accumulate` each, one after the other, and what is left of them at the end of an epoch. An epoch
 * has so as many updates as one of batches that are as many times as large.
 */
export class Updates {
  /** Updates of an epoch. */
  readonly perEpoch: number;

  /** @param batchesPerEpoch above 0; infinite where there are no epochs */
  constructor(
    private readonly batchesPerEpoch: number,
    private readonly accumulate: number,
  ) {
    this.perEpoch = Math.ceil(batchesPerEpoch / accumulate);
  }

  /**
   * Number of the first batch of an update in the whole run, and how many there are.
   *
   * @param step number of the update, from 0
   */
  batchesOf(step: number): { first: number; count: number } {
    const { batchesPerEpoch, accumulate } = this;
    if (accumulate === 1) return { first: step, count: 1 };
    const within = (step % this.perEpoch) * accumulate;
    const first = Math.floor(step / this.perEpoch) * batchesPerEpoch + within;
    return { first, count: Math.min(accumulate, batchesPerEpoch - within) };
  }
}
