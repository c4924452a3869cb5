/**
 * Where every token of a batch lies on the heap, who computes it and in which order sums run over it. A pure
 * function of the batch, the number of shards and the number of parts (workers).
 *
 * Three orders of the batch's tokens meet here:
 *   - the canonical order: row after row, shard after shard. Sums over tokens run in it, so that results do
 *     not depend on who computes what;
 *   - the storage order: part after part, within a part time step after time step, rows sorted by falling
 *     length, so that the rows still running are adjacent and finished rows cost nothing;
 *   - the distinct tokens, each with the places where it stands, in canonical order.
 */

/** A batch as it was read: the tokens of each row behind one another. */
export interface RawBatch {
  rows: number;
  /** The tokens of row r are tokens[rowStart[r]] … tokens[rowStart[r + 1] − 1]. */
  tokens: Int32Array;
  rowStart: Int32Array;
  /** Class of every row (classify). */
  labels: Int32Array;
  /** Next token of every token (language models). */
  targets: Int32Array;
}

/** Fixed places of a laid-out batch, each an array on the heap. */
export interface BatchLayout {
  /** See HEADER. */
  header: Int32Array;
  /** [parts, PART_FIELDS]: see PART. */
  parts: Int32Array;
  /** [parts, steps]: active rows at each time step of each part. */
  counts: Int32Array;
  /** [shards + 1]: first canonical token, and first canonical row, of every shard. */
  shardTokens: Int32Array;
  shardRows: Int32Array;
  /** [tokens]: storage place of the k-th canonical token, and of the token before it in its row. */
  order: Int32Array;
  previous: Int32Array;
  /** [rows]: storage row of the k-th canonical row. */
  rowOrder: Int32Array;
  /** [rows]: number of the k-th canonical row in the batch as it was read. */
  rowSource: Int32Array;
  /** [tokens]: canonical place of each storage place. */
  places: Int32Array;
  /** [rows]: the same for rows. */
  rowPlaces: Int32Array;
  /** [tokens]: which distinct token stands at each storage place. */
  distinctOf: Int32Array;
  /** [tokens]: the distinct tokens' ids in the order of their first appearance. */
  distinctIds: Int32Array;
  /** [tokens + 1] and [tokens]: storage places of each distinct token, in canonical order. */
  distinctStart: Int32Array;
  positions: Int32Array;
  /** [2]: 0 and the number of distinct tokens, as one segment. */
  distinctRange: Int32Array;
  /** [vocabulary]: place of each token id among the distinct ones, −1 for absent. Starts out as all −1. */
  distinctIndex: Int32Array;
  /** Class of each storage row, or next token of each storage token. */
  targets: Int32Array;
}

export const HEADER = { rows: 0, tokens: 1, distinct: 2, targets: 3 } as const;
/** Fields of a part: its first token and row in storage order, their numbers, and its time steps. */
export const PART = { token0: 0, tokens: 1, row0: 2, rows: 3, steps: 4 } as const;
export const PART_FIELDS = 8;

export interface LayoutOptions {
  shards: number;
  parts: number;
  /** Longest row that fits: the second dimension of `counts`. */
  maxSteps: number;
  /** Row index of the first initial state: behind every token place. */
  initialRow: number;
  /**
   * Whether rows keep their places (language models, whose rows carry state from batch to batch) or are dealt
   * to the shards so that their token counts balance.
   */
  keepRows: boolean;
}

/** Lays a batch out. Runs for every batch: two passes over the tokens, no allocation that grows with them. */
export class BatchLayouter {
  readonly #rows: Int32Array;
  readonly #sorted: Int32Array;
  readonly #first: Int32Array;

  constructor(
    private readonly options: LayoutOptions,
    maxRows: number,
  ) {
    this.#rows = new Int32Array(maxRows);
    this.#sorted = new Int32Array(maxRows);
    this.#first = new Int32Array(options.maxSteps + 1);
  }

  layOut(batch: RawBatch, out: BatchLayout): void {
    this.#dealRows(batch, out);
    this.#forgetDistinct(out);
    const tokens = batch.rowStart[batch.rows]! - batch.rowStart[0]!;
    let row = 0;
    let token = 0;
    let distinct = 0;
    for (let part = 0; part < this.options.parts; part++) {
      const end = this.#endOfPart(batch, row, token, tokens, part);
      const field = part * PART_FIELDS;
      out.parts[field + PART.token0] = token;
      out.parts[field + PART.row0] = row;
      out.parts[field + PART.rows] = end - row;
      distinct = this.#placePart(batch, out, part, row, end, token, distinct);
      for (; row < end; row++) token += length(batch, this.#rows[row]!);
      out.parts[field + PART.tokens] = token - out.parts[field + PART.token0]!;
    }
    this.#listPositions(out, tokens, distinct);
    out.distinctRange[1] = distinct;
    out.header[HEADER.rows] = batch.rows;
    out.header[HEADER.tokens] = tokens;
    out.header[HEADER.distinct] = distinct;
    out.header[HEADER.targets] = this.options.keepRows ? tokens : batch.rows;
  }

  /** Canonical order of the rows and bounds of the shards. */
  #dealRows(batch: RawBatch, out: BatchLayout): void {
    const { shards, keepRows } = this.options;
    const rows = this.#rows;
    const { shardRows, shardTokens } = out;
    if (keepRows) {
      for (let r = 0; r < batch.rows; r++) rows[r] = r;
      for (let s = 0; s <= shards; s++) shardRows[s] = Math.floor((s * batch.rows) / shards);
    } else {
      // Longest first, dealt to and fro: 0 1 … S−1 S−1 … 1 0 0 1 …
      const sorted = this.#sorted.subarray(0, batch.rows);
      for (let r = 0; r < batch.rows; r++) sorted[r] = r;
      sorted.sort((a, b) => length(batch, b) - length(batch, a) || a - b);
      let next = 0;
      for (let s = 0; s < shards; s++) {
        shardRows[s] = next;
        for (let round = 0; round * shards < batch.rows; round++) {
          const place = round * shards + (round % 2 === 0 ? s : shards - 1 - s);
          if (place < batch.rows) rows[next++] = sorted[place]!;
        }
      }
      shardRows[shards] = next;
    }
    let token = 0;
    for (let s = 0; s < shards; s++) {
      shardTokens[s] = token;
      for (let k = shardRows[s]!; k < shardRows[s + 1]!; k++) token += length(batch, rows[k]!);
    }
    shardTokens[shards] = token;
  }

  /** The row behind the part's last: parts end where the running token count comes closest to their share. */
  #endOfPart(batch: RawBatch, row: number, token: number, tokens: number, part: number): number {
    if (part === this.options.parts - 1) return batch.rows;
    const goal = (tokens * (part + 1)) / this.options.parts;
    let end = row;
    let reached = token;
    while (end < batch.rows) {
      const next = reached + length(batch, this.#rows[end]!);
      if (next - goal > goal - reached) break;
      reached = next;
      end++;
    }
    return end;
  }

  /** Gives the tokens of rows [row0, row1) their storage places and finds the distinct ones. */
  #placePart(
    batch: RawBatch,
    out: BatchLayout,
    part: number,
    row0: number,
    row1: number,
    token0: number,
    distinct: number,
  ): number {
    const { maxSteps, initialRow, keepRows } = this.options;
    const rows = this.#rows;
    const sorted = this.#sorted.subarray(0, row1 - row0);
    for (let i = 0; i < sorted.length; i++) sorted[i] = row0 + i;
    // Equal lengths keep their order, so that rows of language models never move.
    sorted.sort((a, b) => length(batch, rows[b]!) - length(batch, rows[a]!) || a - b);

    const steps = sorted.length > 0 ? length(batch, rows[sorted[0]!]!) : 0;
    out.parts[part * PART_FIELDS + PART.steps] = steps;
    const first = this.#first;
    first[0] = token0;
    let active = sorted.length;
    for (let t = 0; t < steps; t++) {
      while (length(batch, rows[sorted[active - 1]!]!) <= t) active--;
      out.counts[part * maxSteps + t] = active;
      first[t + 1] = first[t]! + active;
    }

    for (let rank = 0; rank < sorted.length; rank++) {
      const canonical = sorted[rank]!;
      out.rowOrder[canonical] = row0 + rank;
      out.rowPlaces[row0 + rank] = canonical;
      out.rowSource[canonical] = rows[canonical]!;
      if (!keepRows) out.targets[row0 + rank] = batch.labels[rows[canonical]!]!;
    }

    let k = token0;
    for (let canonical = row0; canonical < row1; canonical++) {
      const source = batch.rowStart[rows[canonical]!]!;
      const count = length(batch, rows[canonical]!);
      const storageRow = out.rowOrder[canonical]!;
      const rank = storageRow - row0;
      let before = initialRow + storageRow;
      for (let t = 0; t < count; t++, k++) {
        const place = first[t]! + rank;
        const id = batch.tokens[source + t]!;
        let index = out.distinctIndex[id]!;
        if (index < 0) {
          index = distinct++;
          out.distinctIndex[id] = index;
          out.distinctIds[index] = id;
          out.distinctStart[index + 1] = 0;
        }
        out.distinctStart[index + 1]!++;
        out.distinctOf[place] = index;
        out.order[k] = place;
        out.previous[k] = before;
        out.places[place] = k;
        if (keepRows) out.targets[place] = batch.targets[source + t]!;
        before = place;
      }
    }
    return distinct;
  }

  /** Takes back the marks of the batch that lay here before. */
  #forgetDistinct(out: BatchLayout): void {
    const former = out.header[HEADER.distinct]!;
    for (let d = 0; d < former; d++) out.distinctIndex[out.distinctIds[d]!] = -1;
  }

  /** Turns the counts of each distinct token into the places where it stands. */
  #listPositions(out: BatchLayout, tokens: number, distinct: number): void {
    const { distinctStart, distinctOf, order, positions } = out;
    distinctStart[0] = 0;
    for (let d = 0; d < distinct; d++) distinctStart[d + 1]! += distinctStart[d]!;
    // Filled from the back, so that the starts end up where they belong and order is kept.
    for (let d = distinct; d > 0; d--) distinctStart[d] = distinctStart[d - 1]!;
    for (let k = 0; k < tokens; k++) {
      const place = order[k]!;
      positions[distinctStart[distinctOf[place]! + 1]!++] = place;
    }
  }
}

function length(batch: RawBatch, row: number): number {
  return batch.rowStart[row + 1]! - batch.rowStart[row]!;
}
