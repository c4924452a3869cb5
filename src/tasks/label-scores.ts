import { hasLabel, WORD_BITS, wordsOf } from '../tensor/label-sets.js';
import { type FoundCounts, scoreOf, sumCounts } from './scores.js';
import type { ComparedBatch, Measure, Measures, Score } from './task.js';

/** Precision, recall and F1 of the labels of rows that may have any number of them. */
export class LabelScores implements Measure {
  readonly #labels: readonly string[];
  readonly #counts: readonly FoundCounts[];

  constructor(labels: readonly string[]) {
    this.#labels = labels;
    this.#counts = labels.map(() => ({ right: 0, true: 0, predicted: 0 }));
  }

  add({ rows, targets, predicted }: ComparedBatch): void {
    const words = wordsOf(this.#labels.length);
    for (let place = 0; place < rows * words; place++) {
      const [truth, guess] = [targets[place]!, predicted[place]!];
      // Mostly a row has few of all labels.
      if ((truth | guess) !== 0) this.#addWord((place % words) * WORD_BITS, truth, guess);
    }
  }

  #addWord(first: number, truth: number, guess: number): void {
    const end = Math.min(first + WORD_BITS, this.#labels.length);
    for (let label = first; label < end; label++) {
      this.count(label, hasLabel(truth, label), hasLabel(guess, label));
    }
  }

  /** Counts a row by one label. */
  count(label: number, isTrue: boolean, isPredicted: boolean): void {
    const counts = this.#counts[label]!;
    if (isTrue) counts.true += 1;
    if (isPredicted) counts.predicted += 1;
    if (isTrue && isPredicted) counts.right += 1;
  }

  /** As scikit-learn has them: the means are over all labels, also those that no row has, whose scores are 0. */
  result(): Measures {
    const { precision, recall, f1 } = scoreOf(sumCounts(this.#counts));
    const scores = this.#counts.map(scoreOf);
    const mean = (of: (score: Score) => number): number =>
      scores.reduce((sum, score) => sum + of(score), 0) / scores.length;
    return {
      ...{ precision, recall, f1 },
      macro: {
        precision: mean((score) => score.precision),
        recall: mean((score) => score.recall),
        f1: mean((score) => score.f1),
      },
      labels: Object.fromEntries(this.#labels.map((name, i) => [name, scores[i]!])),
    };
  }
}
