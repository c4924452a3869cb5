import { formatCount, formatShare } from '../../observe/figures.js';
import type { Answer } from './answers.js';
import { counted } from '../../system/counted.js';
import { BadRows, namePlace } from './bad-rows.js';

/** Counts answers that can be told right or wrong, and rows that cannot be used. */
export class KnownLabels {
  readonly #classes: ReadonlySet<string>;
  #labelled = 0;
  #right = 0;
  #foreign = 0;
  #firstForeign = '';
  readonly #bad = new BadRows();

  constructor(classes: readonly string[]) {
    this.#classes = new Set(classes);
  }

  add(answers: readonly Answer[]): void {
    for (const { row, prediction } of answers) {
      if ('reason' in row) {
        this.#bad.add(row);
      } else if (row.label === undefined) {
        continue;
      } else if (this.#classes.has(row.label)) {
        this.#labelled += 1;
        if (prediction?.predicted === row.label) this.#right += 1;
      } else {
        this.#foreign += 1;
        const label = JSON.stringify(row.label);
        if (this.#foreign === 1) this.#firstForeign = `${namePlace(row)}: ${label}`;
      }
    }
  }

  /** Sentences, as many as there is something to tell. */
  describe(): string[] {
    const sentences: string[] = [];
    if (this.#labelled > 0) {
      const share = formatShare(this.#right / this.#labelled);
      sentences.push(
        `Accuracy ${share}: ${formatCount(this.#right)} of ${counted(this.#labelled, 'row')} with a known label`,
      );
    }
    if (this.#foreign > 0) {
      sentences.push(
        `${counted(this.#foreign, 'row')} with a label that is no class of the model; the first is ${this.#firstForeign}`,
      );
    }
    return [...sentences, ...this.#bad.describe()];
  }
}
