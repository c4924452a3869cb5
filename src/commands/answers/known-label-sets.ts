import { splitLabels } from '../../data/formats/label-sets.js';
import { formatCount, formatShare } from '../../observe/figures.js';
import { LabelScores } from '../../tasks/label-scores.js';
import type { Answer } from './answers.js';
import { counted } from '../../system/counted.js';
import { BadRows, namePlace } from './bad-rows.js';

/** Compares answers with the labels that rows bring themselves, and counts rows that cannot be used. */
export class KnownLabelSets {
  readonly #ids: ReadonlyMap<string, number>;
  readonly #scores: LabelScores;
  #labelled = 0;
  #hasLabels = false;
  #right = 0;
  #foreign = 0;
  #firstForeign = '';
  readonly #bad = new BadRows();

  constructor(
    labels: readonly string[],
    private readonly separator: string,
  ) {
    this.#ids = new Map(labels.map((label, id) => [label, id]));
    this.#scores = new LabelScores(labels);
  }

  add(answers: readonly Answer[]): void {
    for (const { row, prediction } of answers) {
      if ('reason' in row) {
        this.#bad.add(row);
        continue;
      }
      if (row.label === undefined) continue;
      const known = splitLabels(row.label, this.separator);
      const foreign = known.find((label) => !this.#ids.has(label));
      if (foreign === undefined) {
        const ids = known.map((label) => this.#ids.get(label)!);
        this.#compare(new Set(ids), new Set(prediction!.labels));
      } else {
        this.#foreign += 1;
        if (this.#foreign === 1)
          this.#firstForeign = `${namePlace(row)}: ${JSON.stringify(foreign)}`;
      }
    }
  }

  /** @param known ids, as those that are told */
  #compare(known: ReadonlySet<number>, told: ReadonlySet<number>): void {
    this.#labelled += 1;
    this.#hasLabels ||= known.size > 0;
    const all = new Set([...known, ...told]);
    if (all.size === known.size && all.size === told.size) this.#right += 1;
    for (const label of all) {
      this.#scores.count(label, known.has(label), told.has(label));
    }
  }

  /** Sentences, as many as there is something to tell. */
  describe(): string[] {
    const sentences: string[] = [];
    if (this.#hasLabels) {
      const { f1 = 0 } = this.#scores.result();
      const share = formatShare(this.#right / this.#labelled);
      sentences.push(
        `Exact match ${share}, F1 of the labels ${formatShare(f1)}: all labels of ${formatCount(this.#right)} of ${counted(this.#labelled, 'row')} with known labels`,
      );
    }
    if (this.#labelled > 0 && !this.#hasLabels && this.#foreign === 0) {
      // Most likely they are what is asked for.
      sentences.push('No row has known labels');
    }
    if (this.#foreign > 0) {
      sentences.push(
        `${counted(this.#foreign, 'row')} with a label that the model does not know; the first is ${this.#firstForeign}`,
      );
    }
    return [...sentences, ...this.#bad.describe()];
  }
}
