import { partRead } from '../decoding/translator.js';
import { UserError } from '../errors.js';
import type { Likelihood } from '../train/trained-model.js';
import type { ModelEngine } from './model-engine.js';
import { RowBatches } from './row-batches.js';
import { expectObject, expectText, type LikelihoodModel, sumTokens } from './score-rows.js';

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

  /** @param rows batches of pairs as long as any that the model was trained with */
  constructor(
    private readonly model: LikelihoodModel,
    private readonly engine: ModelEngine,
    private readonly rows: RowBatches,
  ) {
    this.#boundary = model.tokenizer.vocabularySize;
  }

  /** @throws UserError for what is no pair, and for a source of which nothing can be read */
  async score(given: readonly unknown[]): Promise<Likelihood[]> {
    const { tokenizer } = this.model;
    const pairs = Array.from(given, (row, i) => this.#read(row, i));
    const losses = pairs.map(({ target }) => new Float64Array(target.length + 1));
    await this.#rowsFor(pairs).compute({
      count: pairs.length,
      encode: (row) => {
        const { source, target } = pairs[row]!;
        return { source, tokens: [this.#boundary, ...target], features: [] };
      },
      targets: (row) => [...pairs[row]!.target, this.#boundary],
      lossesFor: (row) => losses[row]!,
    });
    return pairs.map(({ target, unknown, unread }, row) => ({
      ...sumTokens([...target.map((id) => tokenizer.decode([id])), ''], losses[row]!),
      unknown,
      ...(unread > 0 && { unread }),
    }));
  }

  /** Translations that are longer than any of training are read as a whole all the same: cut, they would be too likely. */
  #rowsFor(pairs: readonly ReadPair[]): RowBatches {
    const { manyRows } = this.engine;
    const longest = pairs.reduce((most, { target }) => Math.max(most, target.length + 1), 0);
    if (longest <= manyRows.maxSteps) return this.rows;
    const maxTokens = Math.max(longest, manyRows.maxTokens);
    const sizes = { ...manyRows, maxTokens, maxSteps: longest };
    return new RowBatches(this.engine, 'evaluate', sizes);
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
