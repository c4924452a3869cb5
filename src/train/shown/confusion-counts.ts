import type { ComparedBatch } from '../../tasks/task.js';

/** Classes that are told apart. */
const MOST_CLASSES = 30;
export const OTHERS = '(others)';

/** Counts what was predicted of which class, in bounded memory however many classes there are. */
export class ConfusionCounts {
  readonly classes: string[];
  /** [true, predicted] */
  readonly counts: number[][];
  /** By id: its place among those that are told apart. */
  readonly #places: Int32Array;

  /** @param frequencies of the classes in training: the most frequent are told apart, others are one */
  constructor(classes: readonly string[], frequencies: readonly number[]) {
    const kept = classes
      .map((_, id) => id)
      .sort((a, b) => (frequencies[b] ?? 0) - (frequencies[a] ?? 0) || a - b)
      .slice(0, MOST_CLASSES)
      .sort((a, b) => a - b);
    this.classes = kept.map((id) => classes[id]!);
    if (kept.length < classes.length) this.classes.push(OTHERS);
    this.#places = new Int32Array(classes.length).fill(kept.length);
    kept.forEach((id, place) => (this.#places[id] = place));
    this.counts = this.classes.map(() => new Array<number>(this.classes.length).fill(0));
  }

  /** @param perToken whether each token has a class, rather than each row */
  add({ rows, rowStart, tokenPlaces, targets, predicted }: ComparedBatch, perToken: boolean): void {
    const places = this.#places;
    const end = perToken ? rowStart[rows]! : rows;
    for (let k = 0; k < end; k++) {
      const place = perToken ? tokenPlaces[k]! : k;
      this.counts[places[targets[place]!]!]![places[predicted[place]!]!]! += 1;
    }
  }
}
