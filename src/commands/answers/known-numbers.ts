import { type DecimalMark, readNumber } from '../../data/formats/numbers.js';
import { formatNumber } from '../../observe/figures.js';
import { NumberScores } from '../../tasks/number-scores.js';
import type { Answer } from './answers.js';
import { counted } from '../../system/counted.js';
import { BadRows } from './bad-rows.js';

/** Measures answers in rows that bring the number themselves. */
export class KnownNumbers {
  readonly #scores = new NumberScores();
  readonly #bad = new BadRows();

  constructor(private readonly mark: DecimalMark | undefined) {}

  add(answers: readonly Answer[]): void {
    for (const { row, prediction } of answers) {
      if ('reason' in row) this.#bad.add(row);
      else if (row.label !== undefined) {
        const known = readNumber(row.label, this.mark);
        if (known !== undefined) this.#scores.add(known, Number(prediction!.predicted));
      }
    }
  }

  /** Sentences, as many as there is something to tell. */
  describe(): string[] {
    const { count } = this.#scores;
    if (count === 0) return this.#bad.describe();
    const { rmse, mae } = this.#scores.result();
    return [
      `RMSE ${formatNumber(rmse)}, mean absolute error ${formatNumber(mae)}: ${counted(count, 'row')} with a known number`,
      ...this.#bad.describe(),
    ];
  }
}
