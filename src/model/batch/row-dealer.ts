import { TEAM, TEAM_FIELDS, type BatchLayout } from './batch-layout.js';
import type { RawBatch } from './raw-batch.js';
import { sortByLength } from './row-lists.js';

export interface DealingOptions {
  shards: number;
  teams: number;
  /**
   * Whether rows keep their places (language models, whose rows carry state from batch to batch) or are dealt
   * to the shards so that their token counts balance.
   */
  keepRows: boolean;
}

/**
 * Deals the rows of a batch to shards and teams, by their tokens; where there is a source, by those of both, since whoever has a row has
 * its source, too. Allocates what the largest batch needs once.
 */
export class RowDealer {
  readonly #sorted: Int32Array;
  /** [rows + 1]: where rows would begin if each had its source behind it, as the batch was read. */
  readonly #joined: Int32Array;
  /** The same in the order in which they are dealt. */
  readonly #dealt: Int32Array;
  /** [longest row + 1]: see `sortByLength`. */
  readonly #ends: Int32Array;

  /**
   * @param maxSteps tokens of the longest row
   * @param sourceSteps of the longest source, where there is one
   */
  constructor(
    private readonly options: DealingOptions,
    maxRows: number,
    maxSteps: number,
    private readonly sourceSteps?: number,
  ) {
    this.#sorted = new Int32Array(maxRows);
    this.#joined = new Int32Array(maxRows + 1);
    this.#dealt = new Int32Array(maxRows + 1);
    this.#ends = new Int32Array(maxSteps + (sourceSteps ?? 0) + 1);
  }

  /**
   * Writes the order of the rows, the shards' rows and the teams'.
   *
   * @param bounds where each team's share of the tokens begins and ends, rising from 0 to 1. [teams + 1]
   */
  deal(batch: RawBatch, bounds: Readonly<Float64Array>, out: BatchLayout): void {
    const { rows } = batch;
    const starts = this.#startsOf(batch);
    this.#order(rows, starts, out);
    const dealt = this.#dealt;
    for (let r = 0; r < rows; r++) {
      const source = out.rowSource[r]!;
      dealt[r + 1] = dealt[r]! + starts[source + 1]! - starts[source]!;
    }
    let row = 0;
    for (let team = 0; team < this.options.teams; team++) {
      const end = this.#endOfTeam(rows, row, bounds[team + 1]!);
      const field = team * TEAM_FIELDS;
      out.teams[field + TEAM.row0] = row;
      out.teams[field + TEAM.rows] = end - row;
      row = end;
    }
  }

  #startsOf({ rows, rowStart, source }: RawBatch): Int32Array {
    if (this.sourceSteps === undefined || !source) return rowStart;
    const joined = this.#joined;
    for (let r = 0; r <= rows; r++) {
      joined[r] = rowStart[r]! + source.rowStart[r]!;
    }
    return joined;
  }

  /** Order of the rows and bounds of the shards. */
  #order(rows: number, starts: Int32Array, { rowSource, shardRows }: BatchLayout): void {
    const { shards, keepRows } = this.options;
    if (keepRows) {
      for (let r = 0; r < rows; r++) rowSource[r] = r;
      for (let s = 0; s <= shards; s++) shardRows[s] = Math.floor((s * rows) / shards);
      return;
    }
    // Longest first, dealt to and fro: 0 1 … S−1 S−1 … 1 0 0 1 …
    const sorted = this.#sorted;
    sortByLength(starts, 0, rows, sorted, this.#ends);
    let next = 0;
    for (let s = 0; s < shards; s++) {
      shardRows[s] = next;
      for (let round = 0; round * shards < rows; round++) {
        const place = round * shards + (round % 2 === 0 ? s : shards - 1 - s);
        if (place < rows) rowSource[next++] = sorted[place]!;
      }
    }
    shardRows[shards] = next;
  }

  /** The row behind the team's last: teams end where the running count of tokens comes closest to their share. */
  #endOfTeam(rows: number, row: number, bound: number): number {
    if (bound >= 1) return rows;
    const dealt = this.#dealt;
    const goal = dealt[rows]! * bound;
    let end = row;
    while (end < rows && dealt[end + 1]! - goal <= goal - dealt[end]!) end++;
    return end;
  }
}
