import { createHostBatch } from '../../compute/batch-feed.js';
import type { Engine } from '../../compute/engine.js';
import { RowEncoder } from '../../data/batches/encode-row.js';
import type { HostBatch } from '../../data/batches/batches.js';
import { numbersOf } from '../../data/features/features.js';
import type { Corpus } from '../../data/store/corpus.js';
import type { TokenStore } from '../../data/store/token-store.js';
import type { Config } from '../../config/schema.js';
import { undrawn } from '../../decoding/undrawn.js';
import type { SampleRow } from '../../events.js';
import { SLOT } from '../../model/sizes.js';
import { PURPOSE, uniform } from '../../tensor/random.js';
import { callWork, type TokenWork } from './sample-budget.js';
import { showTokens } from './row-texts.js';

/** Texts that are gone on with, tokens that they begin with, and tokens that are written. */
const TEXTS = 4;
const PROMPT_TOKENS = 16;
const WRITTEN_TOKENS = 60;
/** Multiply-adds that drawing takes for each token of the vocabulary. */
const DRAW_WORK = 150;

/** The beginnings of some texts of a split, spread over it, and how a language model goes on with them: by its probabilities, and the same draws each time. */
export class WrittenTexts {
  readonly #encoder: RowEncoder;
  readonly #rows: number;
  readonly #promptTokens: number;
  readonly #left: ReadonlySet<number>;

  constructor(
    private readonly engine: Engine,
    private readonly config: Config,
    private readonly corpus: Pick<Corpus, 'tokenizer' | 'features'>,
    private readonly store: TokenStore,
  ) {
    const { maxRows, maxTokens, maxSteps } = engine.handle.sizes;
    const { tokenizer, features } = corpus;
    this.#encoder = new RowEncoder(tokenizer, features);
    this.#rows = Math.min(TEXTS, maxRows, store.tokens);
    this.#promptTokens = Math.min(
      ...[PROMPT_TOKENS, maxSteps, Math.floor(maxTokens / this.#rows)],
      Math.floor(store.tokens / this.#rows),
    );
    this.#left = undrawn(config.data.tokenizer, tokenizer);
  }

  /** In multiply-adds. */
  work({ own }: TokenWork): number {
    const { vocabularySize } = this.corpus.tokenizer;
    const drawn = this.#rows * vocabularySize * DRAW_WORK;
    return WRITTEN_TOKENS * (callWork(own, this.#rows) + drawn);
  }

  /** @param beforeStep what it throws ends the writing */
  async write(beforeStep: () => void): Promise<SampleRow[]> {
    const { engine, store } = this;
    const { tokenizer } = this.corpus;
    const probabilities = new Float32Array(engine.plan.top.width);
    if (this.#left.size >= probabilities.length) return [];
    const tokens = Math.max(this.#rows * this.#promptTokens, this.#rows);
    const sizes = { maxRows: this.#rows, maxTokens: tokens };
    const batch = createHostBatch(sizes, engine.handle.sizes.shape.features);
    const starts = Array.from({ length: this.#rows }, (_, row) =>
      Math.floor((row * (store.tokens - this.#promptTokens)) / Math.max(1, this.#rows)),
    );
    await this.#readPrompts(batch, starts);
    const prompts = starts.map((_, row) =>
      batch.tokens.slice(batch.rowStart[row], batch.rowStart[row + 1]),
    );
    const written = starts.map((): number[] => []);
    engine.clearState(SLOT.evaluation);
    for (let index = 0; index < WRITTEN_TOKENS; index++) {
      beforeStep();
      // What rows carry is read from one slot of the pair and left in the other.
      const slot = SLOT.evaluation + (index % 2);
      engine.load(slot, batch);
      await engine.predict(slot);
      const { rowSource, rowStart, tokenPlaces } = engine.layout(slot);
      for (let k = 0; k < this.#rows; k++) {
        engine.probabilities(tokenPlaces[rowStart[k + 1]! - 1]!, probabilities);
        const row = rowSource[k]!;
        written[row]!.push(this.#draw(probabilities, index, row));
      }
      this.#setTokens(batch, written);
    }
    return starts.map((row, i) => ({
      row,
      text: showTokens(tokenizer, prompts[i]!),
      predicted: showTokens(tokenizer, written[i]!),
    }));
  }

  async #readPrompts(batch: HostBatch, starts: readonly number[]): Promise<void> {
    const count = this.#promptTokens;
    batch.rows = this.#rows;
    for (const [row, start] of starts.entries()) {
      batch.rowStart[row + 1] = (row + 1) * count;
      await this.store.readTokens(start, count, batch.tokens, row * count, batch.features);
    }
  }

  /** The latest token of each row. */
  #setTokens(batch: HostBatch, written: readonly (readonly number[])[]): void {
    const widths = this.config.model.features.map(numbersOf);
    written.forEach((tokens, row) => {
      const { tokens: ids, features } = this.#encoder.encodeToken(tokens.at(-1)!);
      batch.tokens[row] = ids[0]!;
      batch.rowStart[row + 1] = row + 1;
      features.forEach((numbers, i) => batch.features![i]!.set(numbers, row * widths[i]!));
    });
  }

  #draw(probabilities: Float32Array, index: number, row: number): number {
    for (const id of this.#left) probabilities[id] = 0;
    let total = 0;
    for (let id = 0; id < probabilities.length; id++) total += probabilities[id]!;
    let rest = uniform(this.config.train.seed, PURPOSE.sampling, row, index) * total;
    let last = 0;
    for (let id = 0; id < probabilities.length; id++) {
      if (probabilities[id] === 0) continue;
      last = id;
      rest -= probabilities[id]!;
      if (rest < 0) return id;
    }
    return last;
  }
}
