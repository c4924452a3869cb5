import type { Engine } from '../../compute/engine.js';

/** Rows with the greatest loss that are kept. */
const MOST_HARDEST = 10;

/** What an evaluation made of a row. */
export interface WatchedRow {
  /** In the order of the store. */
  row: number;
  /** Mean over its targets. */
  loss: number;
  /** Words of what was predicted for the row, or of each of its tokens. */
  predicted: Int32Array;
  /** Of each class or label, or the number told; where a row has one target that is no chain. */
  outputs?: Float32Array;
}

/** Looks on while a split is evaluated, and keeps what was made of some of its rows: those that are asked for, and those with the greatest loss. */
export class RowWatch {
  readonly #wanted: ReadonlySet<number>;
  readonly #asked = new Map<number, WatchedRow>();
  /** The greatest loss first, of equals the row that came first. */
  readonly #hardest: WatchedRow[] = [];

  /**
   * @param rows whose results are asked for
   * @param batchRows rows of a batch; those of a split come in its order
   */
  constructor(
    private readonly engine: Engine,
    rows: readonly number[],
    private readonly batchRows: number,
  ) {
    this.#wanted = new Set(rows);
  }

  get asked(): WatchedRow[] {
    return Array.from(this.#asked.values()).sort((a, b) => a.row - b.row);
  }

  get hardest(): readonly WatchedRow[] {
    return this.#hardest;
  }

  /** @param batch number of the one that was evaluated last, in a slot */
  add(slot: number, batch: number): void {
    const { engine } = this;
    const { rows } = engine.compared(slot);
    const { rowSource } = engine.layout(slot);
    const losses = engine.crossEntropies;
    for (let k = 0; k < rows; k++) {
      const row = batch * this.batchRows + rowSource[k]!;
      const loss = this.#lossOf(slot, k, losses);
      const isWanted = this.#wanted.has(row);
      const least = this.#hardest.length < MOST_HARDEST ? -Infinity : this.#hardest.at(-1)!.loss;
      const isHard = loss > least || (loss === least && row < this.#hardest.at(-1)!.row);
      if (!isWanted && !isHard) continue;
      const watched = this.#describe(slot, k, row, loss);
      if (isWanted) this.#asked.set(row, watched);
      if (isHard) this.#insert(watched);
    }
  }

  /** A loss that is no number is the hardest of all. */
  #lossOf(slot: number, k: number, losses: ArrayLike<number>): number {
    const { rowStart, tokenPlaces } = this.engine.layout(slot);
    if (this.engine.plan.top.per === 'row') return orInfinite(losses[k]!);
    const [start, end] = [rowStart[k]!, rowStart[k + 1]!];
    let sum = 0;
    for (let token = start; token < end; token++) sum += losses[tokenPlaces[token]!]!;
    return orInfinite(sum / (end - start));
  }

  #describe(slot: number, k: number, row: number, loss: number): WatchedRow {
    const { engine } = this;
    const { plan } = engine;
    const { predicted, rowStart, tokenPlaces } = engine.compared(slot);
    if (plan.top.per !== 'row') {
      const places = tokenPlaces.subarray(rowStart[k], rowStart[k + 1]);
      return { row, loss, predicted: places.map((place) => predicted[place]!) };
    }
    const words = plan.targetWords;
    const outputs = new Float32Array(plan.top.width);
    engine.probabilities(k, outputs);
    return { row, loss, predicted: predicted.slice(k * words, (k + 1) * words), outputs };
  }

  #insert(watched: WatchedRow): void {
    const isBefore = (each: WatchedRow): boolean =>
      each.loss > watched.loss || (each.loss === watched.loss && each.row < watched.row);
    const at = this.#hardest.findLastIndex(isBefore) + 1;
    this.#hardest.splice(at, 0, watched);
    this.#hardest.length = Math.min(this.#hardest.length, MOST_HARDEST);
  }
}

function orInfinite(loss: number): number {
  return Number.isNaN(loss) ? Infinity : loss;
}
