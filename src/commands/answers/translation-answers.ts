import { UserError } from '../../errors.js';
import { counted } from '../../system/counted.js';
import type { Added, AnswerWriter } from './answer-layouts.js';
import { namePlace, BadRows } from './bad-rows.js';
import type { Answer } from './answers.js';
import type { Translated, Translation, TrainedModel } from '../library.js';

/** Translations of an input's rows, as a file tells them. */

/** A translation a line: nothing in one would begin another. */
export class PlainTranslations implements AnswerWriter<Translated> {
  know(): void {
    // Lines of text have no columns.
  }

  readonly empty = '';

  write(answers: readonly Answer<Translated>[]): string {
    return answers.map(({ prediction }) => `${lineOf(prediction?.translations[0])}\n`).join('');
  }
}

function lineOf(translation: Translation | undefined): string {
  return (translation?.text ?? '').replaceAll(/\s*[\r\n\v\f\u0085\u2028\u2029]+\s*/g, ' ');
}

export interface ToldBeside {
  alignment: boolean;
  attention: boolean;
  /** Translations of each row. */
  best: number;
}

/** What is added to tables and objects: the best translation, or of objects several. */
export function addTranslations({ alignment, attention, best }: ToldBeside): Added<Translated> {
  const cells = ({ translations: [first] }: Translated): string[] => [
    first?.text ?? '',
    first === undefined ? '' : String(shorten(first.score)),
    ...(alignment ? [pairsOf(first)] : []),
  ];
  const objectOf = (translation: Translation): Record<string, unknown> => ({
    text: translation.text,
    score: shorten(translation.score),
    logProbability: shorten(translation.logProbability),
    ...(translation.isCut && { isCut: true }),
    ...(alignment && { alignment: pairsOf(translation) }),
    ...(attention && { tokens: translation.tokens }),
    ...(attention && {
      attention: translation.attention?.map((row) => row.map((share) => shorten(share))),
    }),
  });
  const several = best > 1 || attention;
  return {
    columns: ['translation', 'score', ...(alignment ? ['alignment'] : [])],
    cells,
    members: several
      ? ['translations', ...(attention ? ['sourceTokens'] : [])]
      : ['translation', 'score', ...(alignment ? ['alignment'] : [])],
    values(translated) {
      if (several) {
        const all = JSON.stringify(translated.translations.map(objectOf));
        return [all, ...(attention ? [JSON.stringify(translated.sourceTokens)] : [])];
      }
      const [text, score, ...pairs] = cells(translated);
      return [JSON.stringify(text), score || 'null', ...pairs.map((each) => JSON.stringify(each))];
    },
  };
}

/** As other programs write alignments: `0-0 1-2`, the source's token first, both counted from 0. */
function pairsOf(translation: Translation | undefined): string {
  return (translation?.alignment ?? []).map((source, target) => `${source}-${target}`).join(' ');
}

function shorten(value: number): number {
  return Number(value.toPrecision(7));
}

/** Counts what is not as it should be. */
export class TranslationNotes {
  #without = 0;
  #cut = 0;
  #firstCut = '';
  #unread = 0;
  #firstUnread = '';
  readonly #bad = new BadRows('a translation');

  constructor(private readonly model: Pick<TrainedModel, 'config'>) {}

  add(answers: readonly Answer<Translated>[]): void {
    for (const { row, prediction } of answers) {
      if ('reason' in row) this.#bad.add(row);
      if (prediction === undefined) continue;
      const [first] = prediction.translations;
      if (first === undefined) this.#without += 1;
      if (first?.isCut === true && ++this.#cut === 1) this.#firstCut = namePlace(row);
      if (prediction.unread > 0 && ++this.#unread === 1) this.#firstUnread = namePlace(row);
    }
  }

  /** Sentences, as many as there is something to tell. */
  describe(): string[] {
    const { maxLength, maxSourceLength = maxLength } = this.model.config.data;
    const sentences: string[] = [];
    if (this.#without > 0) {
      sentences.push(`${counted(this.#without, 'row')} without anything to translate: left empty`);
    }
    if (this.#unread > 0) {
      sentences.push(
        `${counted(this.#unread, 'row')} of more than ${maxSourceLength} tokens (data.maxSourceLength), of which the rest was not read; the first is ${this.#firstUnread}`,
      );
    }
    if (this.#cut > 0) {
      sentences.push(
        `${counted(this.#cut, 'translation')} cut off at the longest that is allowed (--max-length); the first is of ${this.#firstCut}`,
      );
    }
    return [...sentences, ...this.#bad.describe()];
  }
}

/** @throws UserError for what a layout has no place for */
export function expectPlace(
  layout: 'text' | 'csv' | 'jsonl',
  beside: ToldBeside,
  prefix: string,
): void {
  if (prefix !== '' && layout === 'text') {
    throw new UserError(
      '--prefix: expected --to csv or jsonl beside it: lines of text have no names',
    );
  }
  if (beside.best > 1 && layout !== 'jsonl') {
    throw new UserError('--best: expected --to jsonl for several translations of a row');
  }
  if (beside.attention && layout !== 'jsonl') {
    throw new UserError('--attention: expected --to jsonl, the others have no place for it');
  }
  if (beside.alignment && layout === 'text') {
    throw new UserError('--alignment: expected --to csv or jsonl beside it');
  }
}
