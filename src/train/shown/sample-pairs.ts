import { createHostBatch } from '../../compute/batch-feed.js';
import type { Engine } from '../../compute/engine.js';
import type { Corpus } from '../../data/store/corpus.js';
import type { TokenStore } from '../../data/store/token-store.js';
import type { SampleRow } from '../../events.js';
import { SLOT } from '../../model/sizes.js';
import { boundaryOf } from '../../tasks/boundary.js';
import { showAttention } from './attention.js';
import { readStoredRow, showTokens, type StoredRow } from './row-texts.js';
import { callWork, type TokenWork } from './sample-budget.js';

/** Tokens that are written at most. */
const MOST_TOKENS = 40;

/**
 * Translations of some pairs by the engine that trains, whose rows do not go on from batch to batch: the likeliest token each time, and for
 * each of them all of the text before it is read again.
 */
export class SamplePairs {
  readonly #mostTokens: number;
  readonly #rows: readonly number[];

  /** @param rows of the store */
  constructor(
    private readonly engine: Engine,
    private readonly corpus: Pick<Corpus, 'tokenizer' | 'sourceTokenizer'>,
    private readonly store: TokenStore,
    rows: readonly number[],
  ) {
    const { maxRows, maxTokens, maxSteps, source } = engine.handle.sizes;
    // A batch of few tokens holds few of the longest sources.
    const most = Math.floor(source!.maxTokens / store.source!.longestRow);
    this.#rows = rows.slice(0, Math.max(1, Math.min(maxRows, most)));
    const tokens = Math.floor(maxTokens / this.#rows.length);
    this.#mostTokens = Math.min(MOST_TOKENS, maxSteps, tokens);
  }

  /** In multiply-adds: translations are taken to be up to twice as long as those that are given are on average. */
  work({ own, source }: TokenWork): number {
    const { rows, tokens, source: sources } = this.store;
    const length = Math.min(this.#mostTokens, Math.ceil((2 * tokens) / rows));
    const read = source * this.#rows.length * (sources!.tokens / rows);
    let work = 0;
    for (let t = 1; t <= length; t++) work += callWork(own, t * this.#rows.length) + read;
    return work;
  }

  /** @param beforeStep what it throws ends the writing */
  async write(beforeStep: () => void): Promise<SampleRow[]> {
    const stored = await this.#read();
    if (stored.length === 0) return [];
    const { engine } = this;
    const boundary = boundaryOf(this.corpus.tokenizer);
    const { shape } = engine.handle.sizes;
    const maxSource = stored.reduce((sum, { source }) => sum + source.length, 0);
    const batch = createHostBatch(
      {
        ...{ maxRows: stored.length, maxTokens: stored.length * this.#mostTokens },
        source: { maxTokens: maxSource, maxSteps: maxSource },
      },
      shape.features,
    );
    const source = batch.source!;
    stored.forEach((pair, row) => {
      source.tokens.set(pair.source, source.rowStart[row]);
      source.rowStart[row + 1] = source.rowStart[row]! + pair.source.length;
    });
    batch.rows = stored.length;
    /** What each row is read as, from the boundary on. */
    const texts = stored.map(() => [boundary]);
    const isUnderWay = (text: readonly number[]): boolean =>
      text.length === 1 || text.at(-1) !== boundary;
    const slot = SLOT.evaluation;
    for (let length = 1; length <= this.#mostTokens; length++) {
      beforeStep();
      texts.forEach((text, row) => {
        const read = text.length > 1 && !isUnderWay(text) ? text.slice(0, -1) : text;
        batch.tokens.set(read, batch.rowStart[row]);
        batch.rowStart[row + 1] = batch.rowStart[row]! + read.length;
      });
      engine.load(slot, batch);
      engine.clearState(slot);
      await engine.predict(slot);
      this.#goOn(slot, texts, isUnderWay);
      if (!texts.some(isUnderWay)) break;
    }
    return this.#describe(slot, stored, texts);
  }

  /** Pairs whose sources have tokens. */
  async #read(): Promise<(StoredRow & { row: number })[]> {
    const found: (StoredRow & { row: number })[] = [];
    for (const row of this.#rows) {
      found.push({ ...(await readStoredRow(this.store, row, false)), row });
    }
    return found.filter(({ source }) => source.length > 0);
  }

  /** Adds to each text that has not ended the likeliest token behind it. */
  #goOn(slot: number, texts: number[][], isUnderWay: (text: readonly number[]) => boolean): void {
    const { rowSource, rowStart, tokenPlaces } = this.engine.layout(slot);
    const { predicted } = this.engine.compared(slot);
    for (let k = 0; k < texts.length; k++) {
      const text = texts[rowSource[k]!]!;
      if (isUnderWay(text)) text.push(predicted[tokenPlaces[rowStart[k + 1]! - 1]!]!);
    }
  }

  /** With what each token that was written attended to in the last pass. */
  #describe(
    slot: number,
    stored: readonly (StoredRow & { row: number })[],
    texts: readonly (readonly number[])[],
  ): SampleRow[] {
    const { tokenizer, sourceTokenizer = tokenizer } = this.corpus;
    const boundary = boundaryOf(tokenizer);
    const { rowSource, rowStart, tokenPlaces } = this.engine.layout(slot);
    const shown: SampleRow[] = [];
    for (let k = 0; k < stored.length; k++) {
      const place = rowSource[k]!;
      const { row, source, tokens } = stored[place]!;
      const written = texts[place]!.slice(1).filter((id) => id !== boundary);
      const attention = this.#attentionOf(
        tokenPlaces.subarray(rowStart[k], rowStart[k]! + written.length),
        source.length,
      );
      shown[place] = {
        row,
        text: showTokens(sourceTokenizer, source),
        target: showTokens(tokenizer, tokens),
        predicted: showTokens(tokenizer, written),
        ...(attention && {
          attention: showAttention(
            Array.from(source, (id) => sourceTokenizer.decode([id])),
            written.map((id) => tokenizer.decode([id])),
            attention,
          ),
        }),
      };
    }
    return shown;
  }

  /** [tokens, source's tokens]: the mean of the heads; undefined where nothing attends to the source. */
  #attentionOf(places: Int32Array, length: number): number[][] | undefined {
    const heads = this.engine.attentionHeads;
    if (heads === 0) return undefined;
    return Array.from(places, (place) => {
      const sum = new Array<number>(length).fill(0);
      for (let head = 0; head < heads; head++) {
        const own = this.engine.attention(place, head, new Float32Array(length));
        own.forEach((weight, i) => (sum[i]! += weight / heads));
      }
      return sum;
    });
  }
}
