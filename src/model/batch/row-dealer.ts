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

/** What there is to know of a source before it is read. */
export interface SourceCosts {
  /** Tokens of the longest. */
  maxSteps: number;
  /** How much work a token is, beside one of the batch's own. */
  cost: number;
}

/**
 * Deals the rows of a batch to shards and teams. To shards, whose sums are to be about as long, by their tokens, and where there is a source by those of
 * both; to teams, which take the rows as they come shard by shard, by the work that they are: whoever has a row has its source, too. Allocates what the
 * largest batch needs once.
 */
export class RowDealer {
  readonly #sorted: Int32Array;
  /** [rows + 1]: where rows would begin if each had its source behind it, as the batch was read. */
  readonly #joined: Int32Array;
  /** [rows + 1]: in the order in which they are dealt the work of all rows before each, in tokens of the batch's own. */
  readonly #work: Float64Array;
  /** [longest row + 1]: see `sortByLength`. */
  readonly #ends: Int32Array;

  /**
   * @param maxSteps tokens of the longest row
   */
  constructor(
    private readonly options: DealingOptions,
    maxRows: number,
    maxSteps: number,
    private readonly source?: SourceCosts,
  ) {
    this.#sorted = new Int32Array(maxRows);
    this.#joined = new Int32Array(maxRows + 1);
    this.#work = new Float64Array(maxRows + 1);
    this.#ends = new Int32Array(maxSteps + (source?.maxSteps ?? 0) + 1);
  }

  /**
   * Writes the order of the rows, the shards' rows and the teams'.
   *
   * @param bounds where each team's share of the work begins and ends, rising from 0 to 1. [teams + 1]
   */
  deal(batch: RawBatch, bounds: Readonly<Float64Array>, out: BatchLayout): void {
    const { rows, rowStart, source } = batch;
    this.#order(rows, this.#startsOf(batch), out);
    const [work, cost] = [this.#work, this.source?.cost ?? 0];
    for (let r = 0; r < rows; r++) {
      const row = out.rowSource[r]!;
      const others = source ? source.rowStart[row + 1]! - source.rowStart[row]! : 0;
      work[r + 1] = work[r]! + rowStart[row + 1]! - rowStart[row]! + cost * others;
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
    if (!this.source || !source) return rowStart;
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

  /** The row behind the team's last: teams end where the work so far comes closest to their share. */
  #endOfTeam(rows: number, row: number, bound: number): number {
    if (bound >= 1) return rows;
    const work = this.#work;
    const goal = work[rows]! * bound;
    let end = row;
    while (end < rows && work[end + 1]! - goal <= goal - work[end]!) end++;
    return end;
  }
}
