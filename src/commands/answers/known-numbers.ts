import type { Example } from '../../data/formats/examples.js';
import { isBlank } from '../../data/formats/lines.js';
import { type DecimalMark, readNumber } from '../../data/formats/numbers.js';
import { formatNumber } from '../../observe/figures.js';
import { NumberScores } from '../../tasks/number-scores.js';
import type { Answer } from './answers.js';
import { counted } from '../../system/counted.js';
import { BadRows, namePlace } from './bad-rows.js';

/** Measures answers in rows that bring the number themselves. */
export class KnownNumbers {
  readonly #scores = new NumberScores();
  #unread = 0;
  #firstUnread = '';
  readonly #bad = new BadRows();

  constructor(private readonly mark: DecimalMark | undefined) {}

  add(answers: readonly Answer[]): void {
    for (const { row, prediction } of answers) {
      if ('reason' in row) this.#bad.add(row);
      else if (row.label !== undefined) {
        const known = readNumber(row.label, this.mark);
        if (known !== undefined) this.#scores.add(known, Number(prediction!.predicted));
        else if (!isBlank(row.label)) this.#addUnread(row, row.label);
      }
    }
  }

  #addUnread(row: Example, label: string): void {
    this.#unread += 1;
    if (this.#unread === 1) this.#firstUnread = `${namePlace(row)}: ${JSON.stringify(label)}`;
  }

  /** Sentences, as many as there is something to tell. */
  describe(): string[] {
    const sentences: string[] = [];
    const { count } = this.#scores;
    if (count > 0) {
      const { rmse, mae } = this.#scores.result();
      sentences.push(
        `RMSE ${formatNumber(rmse)}, mean absolute error ${formatNumber(mae)}: ${counted(count, 'row')} with a known number`,
      );
    }
    if (this.#unread > 0) {
      sentences.push(
        `${counted(this.#unread, 'row')} with a label that is no number${this.mark === undefined ? '' : ` with the run's data.decimalMark: '${this.mark}'`}; the first is ${this.#firstUnread}`,
      );
    }
    return [...sentences, ...this.#bad.describe()];
  }
}
