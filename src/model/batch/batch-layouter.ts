import { HEADER, TEAM, TEAM_FIELDS, type BatchLayout } from './batch-layout.js';
import { listDistinct, numberDistinct } from './distinct-layout.js';
import { checkBatch, expectRoom, type KnownIds, type RawBatch } from './raw-batch.js';
import { copyTargets, placeFeature } from './place-values.js';
import { RowDealer, type DealingOptions, type SourceCosts } from './row-dealer.js';
import { countRuns, listOnce, sortByLength } from './row-lists.js';
import { Speller } from './spelling.js';

export interface LayoutOptions extends KnownIds, DealingOptions, StreamOptions {
  parts: number;
  source?: StreamOptions &
    SourceCosts & { vocabulary: number; isShared?: boolean; maxTokens: number };
}

/** Of the tokens of a batch, or those of its source. */
interface StreamOptions {
  /** Longest row that fits: the second dimension of `counts`. */
  maxSteps: number;
  /** Where initial states begin: behind all places. */
  initialRow: number;
  /** Whether a layer reads rows backwards. */
  reverses: boolean;
}

/** Blocks of at least this many places take an odd number of them. */
const LARGE_BLOCK = 16;

/** Lays a batch out. Runs for every batch: three passes over the tokens, and no allocation that grows with them. */
export class BatchLayouter {
  readonly #dealer: RowDealer;
  readonly #rank: Int32Array;
  /** [rows]: see `listOnce`. */
  readonly #listed: Int32Array;
  /** [longest row + 1]: see `sortByLength`. */
  readonly #ends: Int32Array;
  /** By feature: of those that spell tokens; and what lays their spellings out, some rows for each part. */
  readonly #spelling: ({ speller: Speller; layouter: BatchLayouter } | undefined)[];
  readonly #rowOfSpelling: Int32Array;
  /** What lays the source out, and the batch that it is. */
  readonly #source?: { layouter: BatchLayouter; batch: RawBatch };

  constructor(
    private readonly options: LayoutOptions,
    private readonly maxRows: number,
    private readonly maxTokens: number,
  ) {
    const { maxSteps, source } = options;
    this.#dealer = new RowDealer(options, maxRows, maxSteps, source);
    this.#rank = new Int32Array(maxRows);
    this.#listed = new Int32Array(maxRows).fill(-1);
    this.#ends = new Int32Array(options.maxSteps + 1);
    this.#spelling = (options.features ?? []).map(({ values, letters }) =>
      letters === undefined
        ? undefined
        : {
            speller: new Speller(letters, maxTokens),
            layouter: layouterOfSpellings(options, values, letters, maxTokens),
          },
    );
    this.#rowOfSpelling = new Int32Array(this.#spelling.some((each) => each) ? maxTokens : 0);
    if (source) {
      const none = new Int32Array(0);
      this.#source = {
        layouter: layouterOfSource(options, source, maxRows),
        batch: { rows: 0, tokens: none, rowStart: none, labels: none, targets: none },
      };
    }
  }

  /**
   * @param bounds where each team's share of the tokens begins and ends, rising from 0 to 1. [teams + 1]
   * @param partBounds the same of each part. [parts + 1]
   * @throws UserError for ids that the network does not know: kernels would read beside their tables
   * @throws RangeError for more than there is room for, which would be left out in silence
   */
  layOut(
    batch: RawBatch,
    bounds: Readonly<Float64Array>,
    out: BatchLayout,
    partBounds: Readonly<Float64Array> = bounds,
  ): void {
    checkBatch(batch, this.options);
    expectRoom(batch, this.maxRows, this.maxTokens, this.options.maxSteps);
    this.#dealer.deal(batch, bounds, out);
    this.#layOutDealt(batch, out);
    this.#numberFeatures(batch, out, partBounds);
    for (let r = 0; r < Math.min(batch.rows, out.sourceRow.length); r++) {
      // Rows that go on keep their order.
      out.sourceRow[r] = batch.sourceRow ? batch.sourceRow[r]! : r;
    }
    if (batch.parents) this.#listParents(batch.parents, batch.rows, out);
    if (!this.#source || batch.sourceRow) return;
    const { layouter, batch: source } = this.#source;
    source.rows = batch.rows;
    if (batch.source) ({ tokens: source.tokens, rowStart: source.rowStart } = batch.source);
    expectRoom(source, layouter.maxRows, layouter.maxTokens, layouter.options.maxSteps);
    layouter.#follow(source, out, out.source!, this.options.source!.isShared);
  }

  /** Rows that go on from others keep their order. */
  #listParents(parents: Int32Array, rows: number, out: BatchLayout): void {
    out.parents.set(parents.subarray(0, rows));
    out.header[HEADER.parents] = listOnce(
      ...([out.parents, rows, this.#listed, out.distinctParents, out.parentOf] as const),
    );
  }

  /** Lays out the source of a batch, whose rows have been dealt. */
  #follow(source: RawBatch, batch: BatchLayout, out: BatchLayout, isShared = false): void {
    out.rowSource.set(batch.rowSource);
    out.shardRows.set(batch.shardRows);
    out.teams.set(batch.teams);
    this.#layOutDealt(source, out, isShared ? batch : undefined);
  }

  /**
   * Everything that follows from which row is whose.
   *
   * @param before whose distinct tokens have numbers already, where these go on with them
   */
  #layOutDealt(batch: RawBatch, out: BatchLayout, before?: BatchLayout): void {
    const { rowStart, rowSource, shardTokens, shardRows, teams } = out;
    rowStart[0] = 0;
    for (let r = 0; r < batch.rows; r++) {
      rowStart[r + 1] = rowStart[r]! + length(batch, rowSource[r]!);
    }
    for (let s = 0; s <= this.options.shards; s++) shardTokens[s] = rowStart[shardRows[s]!]!;
    let place = 0;
    for (let team = 0; team < this.options.teams; team++) {
      const field = team * TEAM_FIELDS;
      const row0 = teams[field + TEAM.row0]!;
      const row1 = row0 + teams[field + TEAM.rows]!;
      const end = this.#placeRows(out, row0, row1, place);
      this.#rankTeam(out, team, row0, row1);
      teams[field + TEAM.place0] = place;
      teams[field + TEAM.places] = end - place;
      place = end;
    }
    this.#orderTokens(batch, out, before);
    const tokens = rowStart[batch.rows]!;
    out.header[HEADER.rows] = batch.rows;
    out.header[HEADER.tokens] = tokens;
    out.header[HEADER.targets] = this.options.target === 'token' ? tokens : batch.rows;
  }

  /** Gives places, from `place` on, to the tokens of rows [row0, row1), block by block; returns the place behind. */
  #placeRows(out: BatchLayout, row0: number, row1: number, place: number): number {
    const { rowStart, shardRows, tokenPlaces } = out;
    let next = place;
    for (let s = 0; s < this.options.shards; s++) {
      const first = next;
      this.#walkSteps(
        out,
        Math.max(row0, shardRows[s]!),
        Math.min(row1, shardRows[s + 1]!),
        (row, t) => {
          tokenPlaces[rowStart[row]! + t] = next++;
        },
      );
      if (next - first >= LARGE_BLOCK && (next - first) % 2 === 0) {
        // Whatever is computed at an empty place is never read; its indices only have to be some.
        if (this.options.target === 'token') out.targets[next] = 0;
        out.numbers[next] = 0;
        out.rowOf[next] = 0;
        out.distinctOf[next] = 0;
        for (let i = 0; i < this.#spelling.length; i++) out.features[i]!.distinctOf[next] = 0;
        next++;
      }
    }
    return next;
  }

  /** Visits the tokens of rows [row0, row1) step after step, in each step the longest row first. */
  #walkSteps(
    out: BatchLayout,
    row0: number,
    row1: number,
    visit: (row: number, t: number) => void,
  ): void {
    if (row1 <= row0) return;
    const rank = this.#rankRows(out, row0, row1, this.#rank);
    let active = row1 - row0;
    for (let t = 0; active > 0; t++) {
      while (active > 0 && tokensOf(out, rank[active - 1]!) <= t) active--;
      for (let r = 0; r < active; r++) visit(rank[r]!, t);
    }
  }

  /** Sorts rows [row0, row1) by falling length; those dealt to a shard are in this order already. */
  #rankRows(out: BatchLayout, row0: number, row1: number, rank: Int32Array): Int32Array {
    for (let row = row0; row < row1; row++) {
      const tokens = tokensOf(out, row);
      let r = row - row0;
      for (; r > 0 && tokensOf(out, rank[r - 1]!) < tokens; r--) rank[r] = rank[r - 1]!;
      rank[r] = row;
    }
    return rank;
  }

  /** Goes over the tokens in the order of sums: who stands before them, what follows them, which are the same. */
  #orderTokens(batch: RawBatch, out: BatchLayout, before?: BatchLayout): void {
    const { initialRow, target, shards } = this.options;
    const { rowStart, rowSource, tokenPlaces, shardRows } = out;
    let k = 0;
    for (let s = 0; s < shards; s++) {
      this.#walkSteps(out, shardRows[s]!, shardRows[s + 1]!, (row, t) => {
        const token = rowStart[row]! + t;
        const source = batch.rowStart[rowSource[row]!]! + t;
        const place = tokenPlaces[token]!;
        out.distinctOf[place] = batch.tokens[source]!;
        out.order[k] = place;
        out.numbers[place] = k;
        out.rowOf[place] = row;
        out.previous[k] = t === 0 ? initialRow + row : tokenPlaces[token - 1]!;
        if (target === 'token') out.targets[place] = batch.targets[source]!;
        k++;
      });
    }
    if (target === 'row') {
      copyTargets(batch, out, this.options.targetWords ?? 1);
    }
    countRuns(out.order, out.previous, out.runs, k);
    if (this.options.reverses) this.#reverse(out, k, batch.rows);
    numberDistinct(out, out.order, k, before);
  }

  #numberFeatures(batch: RawBatch, out: BatchLayout, partBounds: Readonly<Float64Array>): void {
    const tokens = out.rowStart[batch.rows]!;
    let spelled = 0;
    for (let i = 0; i < this.#spelling.length; i++) {
      const [spelling, given, of] = [this.#spelling[i], batch.features![i]!, out.features[i]!];
      if (spelling === undefined) {
        placeFeature(batch, given, out, of.distinctOf);
        numberDistinct(of, out.order, tokens);
        continue;
      }
      const { speller, layouter } = spelling;
      speller.spell(batch, given);
      const { rows } = speller.batch;
      const rowsOut = out.spellings[spelled++]!;
      layouter.layOut(speller.batch, partBounds, rowsOut);
      for (let row = 0; row < rows; row++) this.#rowOfSpelling[rowsOut.rowSource[row]!] = row;
      placeFeature(batch, speller.ids, out, of.distinctOf);
      listDistinct(of, out.order, tokens, this.#rowOfSpelling, rows);
    }
  }

  /** What rows are when they are read from the last token to the first. */
  #reverse(out: BatchLayout, tokens: number, rows: number): void {
    const { rowStart, tokenPlaces, reversedPlaces, order, following, reversedRuns, numbers } = out;
    for (let row = 0; row < rows; row++) {
      const [begin, end] = [rowStart[row]!, rowStart[row + 1]!];
      for (let token = begin; token < end; token++) {
        const place = tokenPlaces[token]!;
        reversedPlaces[begin + end - 1 - token] = place;
        const isLast = token + 1 === end;
        following[numbers[place]!] = isLast
          ? this.options.initialRow + row
          : tokenPlaces[token + 1]!;
      }
    }
    countRuns(order, following, reversedRuns, tokens);
  }

  /** Ranks the rows [row0, row1) of a team and counts those that run at each time step. */
  #rankTeam(out: BatchLayout, team: number, row0: number, row1: number): void {
    const { ranked, teams, counts } = out;
    const rank = ranked.subarray(row0, row1);
    sortByLength(out.rowStart, row0, row1, rank, this.#ends);
    const steps = rank.length > 0 ? tokensOf(out, rank[0]!) : 0;
    let active = rank.length;
    for (let t = 0; t < steps; t++) {
      while (tokensOf(out, rank[active - 1]!) <= t) active--;
      counts[team * this.options.maxSteps + t] = active;
    }
    teams[team * TEAM_FIELDS + TEAM.steps] = steps;
  }
}

function layouterOfSpellings(
  { shards, parts }: LayoutOptions,
  values: number,
  letters: number,
  maxTokens: number,
): BatchLayouter {
  return new BatchLayouter(
    {
      ...{ shards, parts, teams: parts, maxSteps: letters, keepRows: false, reverses: true },
      ...{ target: 'row', vocabulary: values, outputs: 1, compares: 'ids' },
      initialRow: (letters + 1) * maxTokens,
    },
    maxTokens,
    letters * maxTokens,
  );
}

/** It has no targets: those of a row are no words. */
function layouterOfSource(
  { shards, teams, parts, keepRows }: LayoutOptions,
  { maxTokens, ...source }: NonNullable<LayoutOptions['source']>,
  maxRows: number,
): BatchLayouter {
  return new BatchLayouter(
    {
      ...{ ...source, shards, teams, parts, keepRows },
      ...{ target: 'row', targetWords: 0, outputs: 1, compares: 'ids' },
    },
    maxRows,
    maxTokens,
  );
}

function length(batch: RawBatch, row: number): number {
  return batch.rowStart[row + 1]! - batch.rowStart[row]!;
}

/** Tokens of a row of a laid-out batch. */
function tokensOf({ rowStart }: BatchLayout, row: number): number {
  return rowStart[row + 1]! - rowStart[row]!;
}
