import type { BadRow, Example, RowBatch } from '../../data/formats/examples.js';
import { splitTokens } from '../../data/formats/tagged/tokens.js';
import { UserError } from '../../errors.js';
import { formatNumber } from '../../observe/figures.js';
import { counted } from '../../system/counted.js';
import { taskOf } from '../../tasks/registry.js';
import type { Added } from './answer-layouts.js';
import type { Answer } from './answers.js';
import { BadRows, namePlace } from './bad-rows.js';
import type { Likelihood, Scorable, TrainedModel } from '../library.js';

/** How likely rows are to a model, as a file tells it. */

export interface Scored extends Likelihood {
  /** Tokens, or tags, that it is of; undefined of a class. */
  readonly count?: number;
}

type ScoringModel = Pick<TrainedModel, 'config' | 'classes' | 'score'>;

/** @param byToken whether every token's share is written, too */
export function addScores({ config: { task } }: ScoringModel, byToken: boolean): Added<Scored> {
  const hasTokens = taskOf(task).per === 'token';
  const columns = ['logProbability', ...(hasTokens ? ['tokenCount', 'perplexity', 'unknown'] : [])];
  const cells = ({ logProbability, count, unknown }: Scored): string[] => {
    const whole = String(shorten(logProbability, 9));
    if (count === undefined) return [whole];
    const perplexity = count > 0 ? String(shorten(Math.exp(-logProbability / count), 7)) : '';
    return [whole, String(count), perplexity, String(unknown)];
  };
  return {
    ...{ columns, cells },
    members: [...columns, ...(byToken ? ['byToken'] : [])],
    values: (scored) => [
      ...cells(scored).map((cell) => cell || 'null'),
      ...(byToken ? [formatTokens(scored.tokens ?? [])] : []),
    ],
  };
}

function formatTokens(tokens: NonNullable<Likelihood['tokens']>): string {
  const pairs = tokens.map(({ text, logProbability }) => [text, shorten(logProbability, 7)]);
  return JSON.stringify(pairs);
}

/** Of a float32 seven digits tell all, of a sum of many some more. */
function shorten(value: number, digits: number): number {
  return Number(value.toPrecision(digits));
}

export async function scoreRows(model: ScoringModel, rows: readonly Example[]): Promise<Scored[]> {
  const found = await model.score(rows.map((row) => scorableOf(model, row)));
  const { gives } = taskOf(model.config.task);
  return found.map((likelihood, i) => {
    const tags = gives === 'tokens' ? splitTokens(rows[i]!.text).length : undefined;
    const count = tags ?? likelihood.tokens?.length;
    return { ...likelihood, ...(count !== undefined && { count }) };
  });
}

function scorableOf(
  { config: { task } }: Pick<TrainedModel, 'config'>,
  { text, label, columns }: Example,
): Scorable {
  const { gives, target } = taskOf(task);
  if (gives === 'pairs') return { source: text, target: label! };
  if (gives === 'tokens') {
    const beside = columns && { columns: columns.map(splitTokens) };
    return { tokens: splitTokens(text), tags: splitTokens(label!), ...beside };
  }
  return target === 'next token' ? text : { text, label: label! };
}

/** Why a row cannot be scored, though it can be read; undefined where it can. */
type Fault = (row: Example) => string | undefined;

/** Of pairs a source of which nothing can be read, of others a class that the model does not know. */
export function unknownFault({
  config,
  classes,
  tokenizer,
  sourceTokenizer = tokenizer,
}: Pick<TrainedModel, 'config' | 'classes' | 'tokenizer' | 'sourceTokenizer'>): Fault {
  const { gives, named } = taskOf(config.task);
  if (gives === 'pairs') {
    return ({ text }) =>
      sourceTokenizer.encode(text).length > 0
        ? undefined
        : `expected a source with tokens that the model reads, found ${JSON.stringify(text)}.`;
  }
  const known = new Set(classes);
  return ({ label }) => {
    const labels = gives === 'tokens' ? splitTokens(label!) : [label!];
    const foreign = labels.find((each) => !known.has(each));
    return foreign === undefined
      ? undefined
      : `expected a ${named.one} that the model knows, found ${JSON.stringify(foreign)}.`;
  };
}

/**
 * Rows that can be scored; the others cannot be used.
 *
 * @throws UserError for the first of those, where they end the command
 */
export async function* withoutFault(
  batches: AsyncIterable<RowBatch>,
  faultOf: Fault,
  endsAtBadRow: boolean,
): AsyncGenerator<RowBatch, void, undefined> {
  for await (const batch of batches) {
    const rows: Example[] = [];
    const bad: BadRow[] = [...batch.bad];
    for (const row of batch.rows) {
      const reason = faultOf(row);
      if (reason === undefined) {
        rows.push(row);
        continue;
      }
      if (endsAtBadRow) throw new UserError(`${namePlace(row)}: ${reason}`);
      const { source, line, row: place, text, fields } = row;
      bad.push({ ...{ source, line, row: place, reason, raw: text }, ...(fields && { fields }) });
    }
    yield { ...batch, rows, bad };
  }
}

/** Sums over all rows, for people. */
export class ScoreTotals {
  #logProbability = 0;
  #rows = 0;
  #tokens = 0;
  #unknown = 0;
  #parts = 0;
  #empty = 0;
  #cut = 0;
  readonly #bad = new BadRows('a score');

  constructor(private readonly model: Pick<TrainedModel, 'config' | 'tokenizer'>) {}

  add(answers: readonly Answer<Scored>[]): void {
    const { gives } = taskOf(this.model.config.task);
    for (const { row, prediction } of answers) {
      if ('reason' in row) this.#bad.add(row);
      if (prediction === undefined) continue;
      const { logProbability, count = 0, unknown, unread = 0 } = prediction;
      if (unread > 0) this.#cut += 1;
      this.#logProbability += logProbability;
      this.#rows += 1;
      this.#tokens += count;
      if (prediction.count === 0) this.#empty += 1;
      this.#unknown += unknown;
      if (gives === 'tokens' && count > this.model.config.data.maxLength) this.#parts += 1;
    }
  }

  /** Sentences, as many as there is something to tell. */
  describe(): string[] {
    const { config, tokenizer } = this.model;
    const sentences: string[] = [];
    if (this.#rows > 0) {
      const [sum, rows] = [formatNumber(this.#logProbability), counted(this.#rows, 'row')];
      const { per, named } = taskOf(config.task);
      const perplexity = Math.exp(-this.#logProbability / this.#tokens);
      sentences.push(
        per === 'row'
          ? `Log-probability ${sum} of ${rows}, ${formatNumber(this.#logProbability / this.#rows)} a row`
          : `Log-probability ${sum} of ${counted(this.#tokens, named.one)} in ${rows}` +
              (this.#tokens > 0 ? `: perplexity ${formatNumber(perplexity)}` : ''),
      );
    }
    if (this.#empty > 0) {
      sentences.push(
        `${counted(this.#empty, 'row')} without any token: of log-probability 0, which is the likeliest there is and says nothing`,
      );
    }
    if (this.#unknown > 0) {
      const what = tokenizer.kind === 'word' ? 'word' : 'character';
      const fate =
        tokenizer.emptyToken === 0 ? 'left out' : 'read as unknown, as likely as any such';
      sentences.push(`${counted(this.#unknown, what)} that the model does not know: ${fate}`);
    }
    if (this.#parts > 0) {
      sentences.push(
        `${counted(this.#parts, 'sentence')} of more than ${config.data.maxLength} tokens (data.maxLength): read in parts, each by itself`,
      );
    }
    if (this.#cut > 0) {
      sentences.push(
        `${counted(this.#cut, 'row')} with a source of more than ${config.data.maxSourceLength} tokens (data.maxSourceLength), of which the rest was not read`,
      );
    }
    return [...sentences, ...this.#bad.describe()];
  }
}
