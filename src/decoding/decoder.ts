import type { HostBatch } from '../data/batches/batches.js';
import { createHostBatch } from '../compute/batch-feed.js';
import { goOnFrom } from '../compute/carried-state.js';
import type { Engine } from '../compute/engine.js';
import { SLOT } from '../model/sizes.js';
import type { Stepper, StepRow } from './decode.js';
import type { NextTokens } from './search.js';

/**
 * An engine that goes on with texts, a token of each a step. The sources are read in the first step, whose rows are the sentences; in
 * those that follow, rows are texts under way, each of which names its sentence and the row that it goes on from.
 */
export class Decoder implements Stepper {
  readonly #batch: HostBatch;
  readonly #parents: number[] = [];
  readonly #probabilities: Float32Array;
  readonly #sourceRow: Int32Array;
  #hasBegun = false;

  /** @param sources tokens of the sentences, none of them empty */
  constructor(
    private readonly engine: Engine,
    private readonly sources: readonly (readonly number[])[],
  ) {
    const { sizes } = engine.handle;
    this.#batch = createHostBatch(sizes);
    this.#sourceRow = new Int32Array(sizes.maxRows);
    this.#probabilities = new Float32Array(engine.plan.top.width);
    const source = this.#batch.source!;
    sources.forEach((tokens, row) => {
      source.tokens.set(tokens, source.rowStart[row]);
      source.rowStart[row + 1] = source.rowStart[row]! + tokens.length;
    });
  }

  async step(rows: readonly StepRow[]): Promise<NextTokens> {
    const { engine } = this;
    const slot = SLOT.prediction;
    const { source, ...batch } = this.#batch;
    batch.rows = rows.length;
    rows.forEach(({ token, parent, sentence }, row) => {
      batch.tokens[row] = token;
      batch.rowStart[row + 1] = row + 1;
      this.#parents[row] = parent;
      this.#sourceRow[row] = sentence;
    });
    this.#parents.length = rows.length;
    if (!this.#hasBegun) {
      engine.load(slot, { ...batch, source: source! });
      engine.clearState(slot);
      await engine.predict(slot);
      this.#hasBegun = true;
    } else {
      engine.load(slot, { ...batch, sourceRow: this.#sourceRow });
      goOnFrom(engine, slot, this.#parents);
      await engine.predictNext(slot);
    }
    const { rowStart, tokenPlaces } = engine.layout(slot);
    const placeOf = (row: number): number => tokenPlaces[rowStart[row]!]!;
    const heads = engine.attentionHeads;
    return {
      probabilities: (row) => {
        engine.probabilities(placeOf(row), this.#probabilities);
        return this.#probabilities;
      },
      ...(engine.ranks && {
        ranked: (row: number, most: number) => engine.ranked(placeOf(row), most),
      }),
      ...(heads > 0 && {
        attention: (row: number) => {
          const { length } = this.sources[rows[row]!.sentence]!;
          return meanOfHeads(heads, (head) =>
            engine.attention(placeOf(row), head, new Float32Array(length)),
          );
        },
      }),
    };
  }
}

function meanOfHeads(heads: number, attentionOf: (head: number) => Float32Array): Float32Array {
  const mean = attentionOf(0);
  for (let head = 1; head < heads; head++) {
    const other = attentionOf(head);
    for (let i = 0; i < mean.length; i++) mean[i]! += other[i]!;
  }
  return heads === 1 ? mean : mean.map((sum) => sum / heads);
}
