import { describeValue } from '../config/expectation.js';
import type { CarriedState } from '../compute/carried-state.js';
import { longestRow } from '../compute/sizes.js';
import { joinEncoded, sliceTokens, type RowEncoder } from '../data/batches/encode-row.js';
import { columnsOf } from '../data/features/features.js';
import { joinTokens } from '../data/formats/tagged/tokens.js';
import { UserError } from '../errors.js';
import { counted } from '../system/counted.js';
import { taskOf } from '../tasks/registry.js';
import type { Likelihood } from '../train/trained-model.js';
import type { ModelEngine } from './model-engine.js';
import { PairLikelihoods } from './pair-likelihoods.js';
import { RowBatches } from './row-batches.js';
import { expectObject, expectText, type LikelihoodModel, sumTokens } from './score-rows.js';
import { copySentences } from './sentences.js';

/** How likely texts, classes and tags are to a model. */
export class Likelihoods {
  readonly #rows: RowBatches;
  readonly #pairs: PairLikelihoods;
  readonly #ids: ReadonlyMap<string, number>;

  constructor(
    private readonly model: LikelihoodModel,
    private readonly encoder: RowEncoder,
    engine: ModelEngine,
    /** Behind each line of what a language model has learned from, and so before each. */
    private readonly lineEnd: string,
    onBatch?: (rows: number) => void,
  ) {
    this.#rows = new RowBatches(engine, 'evaluate', engine.manyRows, onBatch);
    this.#pairs = new PairLikelihoods(model, engine, this.#rows, onBatch);
    this.#ids = new Map(model.classes.map((name, id) => [name, id]));
  }

  /** @throws UserError for a model that tells no likelihoods, and for what it tells none of */
  async score(given: readonly unknown[]): Promise<Likelihood[]> {
    const { model, target, per, gives } = taskOf(this.model.config.task);
    if (!Array.isArray(given)) {
      throw new UserError(`score: expected a list, got ${describeValue(given)}`);
    }
    if (target === 'next token' && gives === 'text') {
      const texts = Array.from(given, (row, i) => expectText(row, `row ${i}`));
      return Promise.all(texts.map((text) => this.#scoreText(text)));
    }
    if (gives === 'pairs') return this.#pairs.score(given);
    if (target !== 'class') {
      throw new UserError(
        `${this.model.checkpoint} is ${model}: score takes a translator, a language model, a classifier or a tagger`,
      );
    }
    return per === 'row' ? this.#scoreLabels(given) : this.#scoreTags(given);
  }

  /** The text and the end of its line, read from the beginning of a line on. */
  async #scoreText(text: string): Promise<Likelihood> {
    const { tokenizer } = this.model;
    const line = this.encoder.encode(this.lineEnd);
    const before = line.tokens.length > 0 ? line : this.encoder.encodeToken(tokenizer.emptyToken);
    const own = this.encoder.encode(text + this.lineEnd);
    const all = joinEncoded(before, own);
    const losses = new Float64Array(all.tokens.length - 1);
    const state: CarriedState = {};
    const atOnce = longestRow(this.model.config);
    for (let at = 0; at < losses.length; at += atOnce) {
      const end = Math.min(at + atOnce, losses.length);
      await this.#rows.compute({
        ...{ count: 1, state },
        encode: () => sliceTokens(all, at, end),
        targets: () => all.tokens.slice(at + 1, end + 1),
        lossesFor: () => losses.subarray(at, end),
      });
    }
    const texts = own.tokens.map((id) => tokenizer.decode([id]));
    return {
      ...sumTokens(texts, losses.subarray(before.tokens.length - 1)),
      unknown: tokenizer.unknownIn(text).length,
    };
  }

  async #scoreLabels(given: readonly unknown[]): Promise<Likelihood[]> {
    const rows = Array.from(given, (row, i) => this.#expectLabelled(row, i));
    const losses = rows.map(() => new Float64Array(1));
    await this.#rows.compute({
      count: rows.length,
      encode: (row) => this.encoder.encodeRow(rows[row]!.text, this.model.config.data),
      targets: (row) => [rows[row]!.id],
      lossesFor: (row) => losses[row]!,
    });
    return rows.map(({ text }, row) => ({
      logProbability: -losses[row]![0]!,
      unknown: this.model.tokenizer.unknownIn(text).length,
    }));
  }

  /** A sentence that is longer than any row is read in parts, as where its tags are predicted. */
  async #scoreTags(given: readonly unknown[]): Promise<Likelihood[]> {
    const { data, train } = this.model.config;
    const columns = columnsOf(this.model.features);
    const tagged = Array.from(given, (row, i) => expectTagged(row, i));
    const sentences = copySentences(
      tagged.map((row) => (columns.length > 0 ? row : row['tokens'])),
      columns,
      'score',
    );
    const ids = tagged.map(({ tags }, row) => this.#expectTags(tags, sentences[row]!.tokens, row));
    const losses = sentences.map(({ tokens }) => new Float64Array(tokens.length));
    const parts = losses.flatMap(({ length }, sentence) =>
      Array.from({ length: Math.ceil(length / data.maxLength) }, (_, part) => {
        return { sentence, start: part * data.maxLength, end: (part + 1) * data.maxLength };
      }),
    );
    await this.#rows.compute({
      count: parts.length,
      encode: (part) => {
        const { sentence, start, end } = parts[part]!;
        const { tokens, columns: beside } = sentences[sentence]!;
        return this.encoder.encodeTokens(
          tokens.slice(start, end),
          beside.map((texts) => texts.slice(start, end)),
        );
      },
      targets: (part) => ids[parts[part]!.sentence]!.slice(parts[part]!.start, parts[part]!.end),
      lossesFor: (part) =>
        losses[parts[part]!.sentence]!.subarray(parts[part]!.start, parts[part]!.end),
    });
    return sentences.map(({ tokens }, row) => {
      const { tokens: each, logProbability } = sumTokens(tokens, losses[row]!);
      return {
        logProbability,
        // A share that a token has in what all tags together come to is no probability of its own.
        ...(train.loss.kind !== 'crf' && { tokens: each }),
        unknown: this.model.tokenizer.unknownIn(joinTokens(tokens)).length,
      };
    });
  }

  #expectLabelled(given: unknown, row: number): { text: string; id: number } {
    const expected = `row ${row} to be { text, label }`;
    const { text, label } = expectObject(given, expected);
    if (typeof label !== 'string') {
      throw new UserError(`score: expected ${expected}, got ${describeValue(label)} as label`);
    }
    return { text: expectText(text, `the text of row ${row}`), id: this.#idOf(label, row) };
  }

  #expectTags(tags: unknown, tokens: readonly string[], row: number): number[] {
    if (!Array.isArray(tags) || tags.length !== tokens.length) {
      const found = Array.isArray(tags) ? counted(tags.length, 'tag') : describeValue(tags);
      throw new UserError(
        `score: expected a tag for each of the ${counted(tokens.length, 'token')} of row ${row}, got ${found}`,
      );
    }
    return Array.from(tags, (tag: unknown) => this.#idOf(tag, row));
  }

  #idOf(name: unknown, row: number): number {
    const id = typeof name === 'string' ? this.#ids.get(name) : undefined;
    if (id !== undefined) return id;
    const { one } = taskOf(this.model.config.task).named;
    throw new UserError(
      `score: row ${row}: expected a ${one} that the model knows, got ${describeValue(name)}`,
    );
  }
}

function expectTagged(given: unknown, row: number): Record<string, unknown> {
  return expectObject(given, `row ${row} to be { tokens, tags }`);
}
