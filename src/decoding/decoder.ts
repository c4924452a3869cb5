import { RANKS } from '../backend/kernels/ranking.js';
import type { HostBatch } from '../data/batches/batches.js';
import { createHostBatch } from '../compute/batch-feed.js';
import { putState, takeState, type CarriedState } from '../compute/carried-state.js';
import type { Engine } from '../compute/engine.js';
import { SLOT } from '../model/sizes.js';
import type { Stepper, StepRow } from './decode.js';
import type { NextTokens } from './search.js';

/**
 * An engine that goes on with texts, a token of each a step. The sources are read in the first step, whose rows are the sentences; in
 * those that follow, rows are texts under way, each of which names its sentence and the row that it goes on from. What sentences that take no
 * part in the second step have come to is kept until they do.
 */
export class Decoder implements Stepper {
  readonly #batch: HostBatch;
  readonly #parents: Int32Array;
  readonly #probabilities: Float32Array;
  readonly #sourceRow: Int32Array;
  /** By sentence: what a text of it attends to, until the next one is asked for. */
  readonly #attention: Float32Array[] = [];
  /** By sentence: what it has come to in the first step, of those that have waited since. */
  readonly #waiting = new Map<number, CarriedState>();
  #steps = 0;

  /** @param sources tokens of the sentences, none of them empty */
  constructor(
    private readonly engine: Engine,
    private readonly sources: readonly (readonly number[])[],
  ) {
    const { sizes } = engine.handle;
    this.#batch = createHostBatch(sizes);
    this.#sourceRow = new Int32Array(sizes.maxRows);
    this.#parents = new Int32Array(sizes.maxRows);
    this.#probabilities = new Float32Array(engine.plan.top.width);
    const source = this.#batch.source!;
    sources.forEach((tokens, row) => {
      source.tokens.set(tokens, source.rowStart[row]);
      source.rowStart[row + 1] = source.rowStart[row]! + tokens.length;
    });
  }

  get ranks(): number {
    return this.engine.ranked ? RANKS : 0;
  }

  async step(
    rows: readonly StepRow[],
    waiting: readonly number[],
    needsAll: boolean,
  ): Promise<NextTokens> {
    const { engine } = this;
    const slot = SLOT.prediction;
    const { source, ...batch } = this.#batch;
    batch.rows = rows.length;
    rows.forEach(({ token, sentence }, row) => {
      batch.tokens[row] = token;
      batch.rowStart[row + 1] = row + 1;
      this.#sourceRow[row] = sentence;
    });
    const tellsAll = needsAll || this.#steps === 0 || !engine.ranked;
    if (this.#steps === 0) {
      engine.load(slot, { ...batch, source: source! });
      engine.clearState(slot);
      await engine.predict(slot);
    } else {
      if (this.#steps === 1) this.#keep(slot, waiting);
      this.#findParents(slot, rows);
      engine.load(slot, { ...batch, sourceRow: this.#sourceRow, parents: this.#parents });
      await engine.predictNext(slot, !tellsAll);
    }
    this.#steps += 1;
    const { rowStart, tokenPlaces } = engine.layout(slot);
    const placeOf = (row: number): number => tokenPlaces[rowStart[row]!]!;
    const heads = engine.attentionHeads;
    return {
      ...(tellsAll && {
        probabilities: (row: number) => {
          engine.probabilities(placeOf(row), this.#probabilities);
          return this.#probabilities;
        },
      }),
      ...(engine.ranked && {
        ranked: { ...engine.ranked, ranks: RANKS, startOf: (row) => RANKS * placeOf(row) },
      }),
      ...(heads > 0 && {
        attention: (row: number) => {
          const { sentence } = rows[row]!;
          const mean = (this.#attention[sentence] ??= new Float32Array(
            this.sources[sentence]!.length,
          ));
          engine.attention(placeOf(row), 0, mean);
          if (heads > 1) {
            takeMean(heads, mean, (head, out) => engine.attention(placeOf(row), head, out));
          }
          return mean;
        },
      }),
    };
  }

  /** Says which row of the step before each row goes on from. Rows that none does take up what waiting sentences have come to. */
  #findParents(slot: number, rows: readonly StepRow[]): void {
    const taken = new Set<number>();
    for (const { sentence, parent } of rows) if (!this.#waiting.has(sentence)) taken.add(parent);
    const placed = new Map<number, number>();
    let free = -1;
    rows.forEach(({ sentence, parent }, row) => {
      const state = this.#waiting.get(sentence);
      if (state) {
        do free++;
        while (taken.has(free));
        putState(this.engine, slot ^ 1, free, state);
        this.#waiting.delete(sentence);
        placed.set(sentence, free);
      }
      this.#parents[row] = placed.get(sentence) ?? parent;
    });
  }

  /** The next step overwrites what sentences have come to that have no row in it. */
  #keep(slot: number, waiting: readonly number[]): void {
    for (const sentence of waiting) {
      const state: CarriedState = {};
      takeState(this.engine, slot, sentence, state);
      this.#waiting.set(sentence, state);
    }
  }
}

/** @param mean what the first head attends to, which becomes the mean of all */
function takeMean(
  heads: number,
  mean: Float32Array,
  attentionOf: (head: number, out: Float32Array) => Float32Array,
): void {
  const other = new Float32Array(mean.length);
  for (let head = 1; head < heads; head++) {
    attentionOf(head, other);
    for (let i = 0; i < mean.length; i++) mean[i]! += other[i]!;
  }
  for (let i = 0; i < mean.length; i++) mean[i]! /= heads;
}
