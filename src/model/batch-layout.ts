/**
 * Where every token of a batch lies on the heap, who computes it and in which order sums run over it. A pure
 * function of the batch, the number of shards and the number of parts (workers).
 *
 * Rows lie one after the other, shard after shard; sums over tokens run in this order, so that results do not depend
 * on who computes what. The recurrence walks all rows at once, a row's length apart: so that this is never a power of
 * two, which would map all rows to the same few cache sets, a long row of even length is followed by an empty place.
 * Every part has a stretch of rows. Within it rows are ranked by falling length, so that the
 * rows still running at a time step are the first ones and finished rows cost nothing.
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
  /** [shards + 1]: first token, and first row, of every shard. */
  shardTokens: Int32Array;
  shardRows: Int32Array;
  /** [tokens]: place of every token; empty places are skipped. */
  order: Int32Array;
  /** [rows + 1]: place of the first token of every row. */
  rowStart: Int32Array;
  /** [rows]: number of every row in the batch as it was read. */
  rowSource: Int32Array;
  /** [rows]: the rows of each part by falling length. */
  ranked: Int32Array;
  /** [tokens]: place of the token before, behind all places for the first of a row. */
  previous: Int32Array;
  /** [places]: 0, 1, 2, …; the random numbers of dropout are drawn by place. */
  places: Int32Array;
  /** [places]: which distinct token stands at each place. */
  distinctOf: Int32Array;
  /** [tokens]: the distinct tokens' ids in the order of their first appearance. */
  distinctIds: Int32Array;
  /** [tokens + 1] and [tokens]: places of each distinct token, in rising order. */
  distinctStart: Int32Array;
  positions: Int32Array;
  /** [2]: 0 and the number of distinct tokens, as one segment. */
  distinctRange: Int32Array;
  /** [vocabulary]: place of each token id among the distinct ones, −1 for absent. Starts out as all −1. */
  distinctIndex: Int32Array;
  /** [rows] class of each row, or [places] next token of each token. */
  targets: Int32Array;
}

export const HEADER = { rows: 0, tokens: 1, distinct: 2, targets: 3 } as const;
/** Fields of a part: its first place and row, their numbers, and its time steps. */
export const PART = { place0: 0, places: 1, row0: 2, rows: 3, steps: 4 } as const;
export const PART_FIELDS = 8;

export interface LayoutOptions {
  shards: number;
  parts: number;
  /** Longest row that fits: the second dimension of `counts`. */
  maxSteps: number;
  /** Where initial states begin: behind all places. */
  initialRow: number;
  /**
   * Whether rows keep their places (language models, whose rows carry state from batch to batch) or are dealt
   * to the shards so that their token counts balance.
   */
  keepRows: boolean;
}

/** Rows at least this long are kept an odd number of places apart. */
const LONG_ROW = 16;

/** Places that a row of `tokens` tokens takes. */
export function placesOf(tokens: number): number {
  return tokens < LONG_ROW ? tokens : tokens | 1;
}

/** Lays a batch out. Runs for every batch: two passes over the tokens, no allocation that grows with them. */
export class BatchLayouter {
  readonly #sorted: Int32Array;

  constructor(
    private readonly options: LayoutOptions,
    maxRows: number,
  ) {
    this.#sorted = new Int32Array(maxRows);
  }

  layOut(batch: RawBatch, out: BatchLayout): void {
    this.#dealRows(batch, out);
    this.#placeTokens(batch, out);
    let row = 0;
    for (let part = 0; part < this.options.parts; part++) {
      const end = this.#endOfPart(batch.rows, out, row, part);
      this.#rankPart(batch, out, part, row, end);
      row = end;
    }
    const tokens = batch.rowStart[batch.rows]! - batch.rowStart[0]!;
    out.header[HEADER.rows] = batch.rows;
    out.header[HEADER.tokens] = tokens;
    out.header[HEADER.targets] = this.options.keepRows ? tokens : batch.rows;
  }

  /** Order of the rows and bounds of the shards. */
  #dealRows(batch: RawBatch, out: BatchLayout): void {
    const { shards, keepRows } = this.options;
    const { rowSource, rowStart, shardRows, shardTokens } = out;
    if (keepRows) {
      for (let r = 0; r < batch.rows; r++) rowSource[r] = r;
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
          if (place < batch.rows) rowSource[next++] = sorted[place]!;
        }
      }
      shardRows[shards] = next;
    }
    rowStart[0] = 0;
    for (let r = 0; r < batch.rows; r++) {
      rowStart[r + 1] = rowStart[r]! + placesOf(length(batch, rowSource[r]!));
    }
    let token = 0;
    for (let s = 0; s < shards; s++) {
      shardTokens[s] = token;
      for (let r = shardRows[s]!; r < shardRows[s + 1]!; r++) token += length(batch, rowSource[r]!);
    }
    shardTokens[shards] = token;
  }

  /** Goes over the tokens in order: who stands before them, what follows them, which are the same. */
  #placeTokens(batch: RawBatch, out: BatchLayout): void {
    const { initialRow, keepRows } = this.options;
    const { rowStart, rowSource, distinctIndex, distinctIds, distinctStart, distinctOf } = out;
    // Takes back the marks of the batch that lay here before.
    for (let d = 0; d < out.header[HEADER.distinct]!; d++) distinctIndex[distinctIds[d]!] = -1;
    let distinct = 0;
    let token = 0;
    for (let row = 0; row < batch.rows; row++) {
      const first = rowStart[row]!;
      const source = batch.rowStart[rowSource[row]!]!;
      if (!keepRows) out.targets[row] = batch.labels[rowSource[row]!]!;
      const end = first + length(batch, rowSource[row]!);
      for (let place = first; place < end; place++, token++) {
        const id = batch.tokens[source + place - first]!;
        let index = distinctIndex[id]!;
        if (index < 0) {
          index = distinct++;
          distinctIndex[id] = index;
          distinctIds[index] = id;
          distinctStart[index + 1] = 0;
        }
        distinctStart[index + 1]!++;
        distinctOf[place] = index;
        out.order[token] = place;
        out.previous[token] = place === first ? initialRow + row : place - 1;
        if (keepRows) out.targets[place] = batch.targets[source + place - first]!;
      }
      // Whatever is computed at an empty place is never read; its target only has to be one.
      if (keepRows && end < rowStart[row + 1]!) out.targets[end] = 0;
    }
    this.#listPositions(out, token, distinct);
    out.header[HEADER.distinct] = distinct;
    out.distinctRange[1] = distinct;
  }

  /** Turns the counts of each distinct token into the places where it stands. */
  #listPositions(out: BatchLayout, tokens: number, distinct: number): void {
    const { distinctStart, distinctOf, order, positions } = out;
    distinctStart[0] = 0;
    for (let d = 0; d < distinct; d++) distinctStart[d + 1]! += distinctStart[d]!;
    // Moved up by one: filling a token's list moves its mark to where the next list begins.
    for (let d = distinct; d > 0; d--) distinctStart[d] = distinctStart[d - 1]!;
    for (let k = 0; k < tokens; k++) {
      const place = order[k]!;
      positions[distinctStart[distinctOf[place]! + 1]!++] = place;
    }
  }

  /** The row behind the part's last: parts end where the running count of places comes closest to their share. */
  #endOfPart(rows: number, { rowStart }: BatchLayout, row: number, part: number): number {
    if (part === this.options.parts - 1) return rows;
    const goal = (rowStart[rows]! * (part + 1)) / this.options.parts;
    let end = row;
    while (end < rows && rowStart[end + 1]! - goal <= goal - rowStart[end]!) end++;
    return end;
  }

  /** Ranks the rows [row0, row1) of a part and counts those that run at each time step. */
  #rankPart(batch: RawBatch, out: BatchLayout, part: number, row0: number, row1: number): void {
    const { rowStart, rowSource, ranked, parts, counts } = out;
    const rank = ranked.subarray(row0, row1);
    const lengthOf = (row: number): number => length(batch, rowSource[row]!);
    for (let i = 0; i < rank.length; i++) rank[i] = row0 + i;
    rank.sort((a, b) => lengthOf(b) - lengthOf(a) || a - b);
    const steps = rank.length > 0 ? lengthOf(rank[0]!) : 0;
    let active = rank.length;
    for (let t = 0; t < steps; t++) {
      while (lengthOf(rank[active - 1]!) <= t) active--;
      counts[part * this.options.maxSteps + t] = active;
    }
    const field = part * PART_FIELDS;
    parts[field + PART.place0] = rowStart[row0]!;
    parts[field + PART.places] = rowStart[row1]! - rowStart[row0]!;
    parts[field + PART.row0] = row0;
    parts[field + PART.rows] = row1 - row0;
    parts[field + PART.steps] = steps;
  }
}

function length(batch: RawBatch, row: number): number {
  return batch.rowStart[row + 1]! - batch.rowStart[row]!;
}
