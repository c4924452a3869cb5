import { partRead } from '../decoding/translator.js';
import { UserError } from '../errors.js';
import type { Likelihood } from '../train/trained-model.js';
import type { ModelEngine } from './model-engine.js';
import { RowBatches, type Rows } from './row-batches.js';
import { expectObject, expectText, type LikelihoodModel, sumTokens } from './score-rows.js';
import { Turns } from './turns.js';

interface ReadPair {
  readonly source: readonly number[];
  readonly target: readonly number[];
  /** Of the target. */
  readonly unknown: number;
  readonly unread: number;
}

/** How likely translations are to a translator: each of their tokens, and then their end, behind those before it. */
export class PairLikelihoods {
  /** Begins what the decoder reads, and ends what it writes: behind all tokens of the tokenizer. */
  readonly #boundary: number;
  readonly #turns = new Turns();

  /** @param rows batches of pairs as long as any that the model was trained with */
  constructor(
    private readonly model: LikelihoodModel,
    private readonly engine: ModelEngine,
    private readonly rows: RowBatches,
    private readonly onBatch?: (rows: number) => void,
  ) {
    this.#boundary = model.tokenizer.vocabularySize;
  }

  /** @throws UserError for what is no pair, and for a source of which nothing can be read */
  async score(given: readonly unknown[]): Promise<Likelihood[]> {
    const { tokenizer } = this.model;
    const pairs = Array.from(given, (row, i) => this.#read(row, i));
    const losses = pairs.map(({ target }) => new Float64Array(target.length + 1));
    const isLong = ({ target }: ReadPair): boolean =>
      target.length + 1 > this.engine.manyRows.maxSteps;
    const [long, usual] = [true, false].map((which) =>
      Array.from(pairs.keys()).filter((row) => isLong(pairs[row]!) === which),
    ) as [number[], number[]];
    const rowsOf = (places: readonly number[]): Rows => ({
      count: places.length,
      encode: (place) => {
        const { source, target } = pairs[places[place]!]!;
        return { source, tokens: [this.#boundary, ...target], features: [] };
      },
      targets: (place) => [...pairs[places[place]!]!.target, this.#boundary],
      lossesFor: (place) => losses[places[place]!]!,
    });
    await this.rows.compute(rowsOf(usual));
    const lengths = long.map((row) => losses[row]!.length);
    if (long.length > 0) await this.#computeLong(rowsOf(long), lengths);
    return pairs.map(({ target, unknown, unread }, row) => ({
      ...sumTokens([...target.map((id) => tokenizer.decode([id])), ''], losses[row]!),
      unknown,
      ...(unread > 0 && { unread }),
    }));
  }

  /**
   * Translations that are longer than any of training are read as a whole all the same: cut, they would be too likely. One caller's at a
   * time, since each takes as much memory as its longest needs.
   */
  #computeLong(rows: Rows, lengths: readonly number[]): Promise<void> {
    const { manyRows } = this.engine;
    const longest = Math.max(...lengths);
    const all = lengths.reduce((sum, each) => sum + each, 0);
    const sizes = {
      ...manyRows,
      maxRows: Math.min(manyRows.maxRows, rows.count),
      maxTokens: Math.max(longest, Math.min(manyRows.maxTokens, all)),
      maxSteps: longest,
    };
    return this.#turns.take(() =>
      this.engine.lend(sizes, (engine) =>
        new RowBatches(engine, 'evaluate', sizes, this.onBatch).compute(rows),
      ),
    );
  }

  #read(given: unknown, row: number): ReadPair {
    const { config, tokenizer, sourceTokenizer = tokenizer } = this.model;
    const pair = expectObject(given, `row ${row} to be { source, target }`);
    const ids = sourceTokenizer.encode(expectText(pair['source'], `the source of row ${row}`));
    const target = expectText(pair['target'], `the target of row ${row}`);
    if (ids.length === 0) {
      throw new UserError(
        `score: row ${row}: expected a source with tokens that the model reads, found none`,
      );
    }
    const { start, end, unread } = partRead(config, ids.length);
    return {
      source: ids.slice(start, end),
      target: tokenizer.encode(target),
      unknown: tokenizer.unknownIn(target).length,
      unread,
    };
  }
}
