import { type FoundCounts, scoreOf, sumCounts } from './scores.js';
import type { ComparedBatch, Measure, Measures } from './task.js';

/**
 * Whole entities that tags stand for, found and counted as conlleval of the CoNLL tasks does: before a dash stands how a token
 * lies in its entity (`B` begins it, `I` is inside, `E` ends it, `S` is one alone, `O` is in none), behind it the type.
 */

/** A tag: how it stands in an entity, and of which type that is. */
export interface ParsedTag {
  readonly prefix: string;
  readonly type: string;
}

export function parseTag(tag: string): ParsedTag {
  const dash = tag.indexOf('-');
  return dash < 0
    ? { prefix: tag, type: '' }
    : { prefix: tag.slice(0, dash), type: tag.slice(dash + 1) };
}

/** Whether some tags say where entities begin and end, rather than a class of each token alone. */
export function nameEntities(classes: readonly string[]): boolean {
  return classes.some((name) => /^[BIES]-/.test(name));
}

const outside: ParsedTag = { prefix: 'O', type: '' };

const among = (prefix: string, ...prefixes: readonly string[]): boolean =>
  prefixes.includes(prefix);

/** Whether an entity ends between two tags. */
export function endsBetween(before: ParsedTag, after: ParsedTag): boolean {
  const [a, b] = [before.prefix, after.prefix];
  if (among(a, 'E', 'S', '[', ']')) return true;
  if (among(a, 'B', 'I') && among(b, 'B', 'S', 'O')) return true;
  return !among(a, 'O', '.') && before.type !== after.type;
}

/** Whether an entity begins between two tags. */
export function beginsBetween(before: ParsedTag, after: ParsedTag): boolean {
  const [a, b] = [before.prefix, after.prefix];
  if (among(b, 'B', 'S', '[', ']')) return true;
  if (among(a, 'E', 'S', 'O') && among(b, 'E', 'I')) return true;
  return !among(b, 'O', '.') && before.type !== after.type;
}

/** Precision, recall and F1 of whole entities over all batches. */
export class EntityScores implements Measure {
  readonly #tags: readonly ParsedTag[];
  readonly #counts = new Map<string, FoundCounts>();

  constructor(classes: readonly string[]) {
    this.#tags = classes.map(parseTag);
  }

  add({ rows, targets, predicted, rowStart, tokenPlaces }: ComparedBatch): void {
    for (let row = 0; row < rows; row++) {
      const places = tokenPlaces.subarray(rowStart[row], rowStart[row + 1]);
      this.#addRow(places, targets, predicted);
    }
  }

  #addRow(places: Int32Array, targets: Int32Array, predicted: Int32Array): void {
    let [truth, guess] = [outside, outside];
    // Whether both have begun at the same token, with the same type, and neither has ended since.
    let isTogether = false;
    // Behind the last token there is one outside of all.
    for (let i = 0; i <= places.length; i++) {
      const place = places[i];
      const nextTruth = place === undefined ? outside : this.#tags[targets[place]!]!;
      const nextGuess = place === undefined ? outside : this.#tags[predicted[place]!]!;
      const ends = endsBetween(truth, nextTruth);
      const guessEnds = endsBetween(guess, nextGuess);
      if (isTogether && ends && guessEnds) this.#of(truth.type).right += 1;
      if (ends || guessEnds) isTogether = false;
      const begins = beginsBetween(truth, nextTruth);
      const guessBegins = beginsBetween(guess, nextGuess);
      if (begins) this.#of(nextTruth.type).true += 1;
      if (guessBegins) this.#of(nextGuess.type).predicted += 1;
      if (begins && guessBegins) isTogether = nextTruth.type === nextGuess.type;
      truth = nextTruth;
      guess = nextGuess;
    }
  }

  #of(type: string): FoundCounts {
    let counts = this.#counts.get(type);
    if (counts === undefined) {
      this.#counts.set(type, (counts = { right: 0, true: 0, predicted: 0 }));
    }
    return counts;
  }

  result(): Measures {
    const { precision, recall, f1 } = scoreOf(sumCounts(this.#counts.values()));
    const names = [...this.#counts.keys()].sort();
    const entities = Object.fromEntries(names.map((name) => [name, scoreOf(this.#of(name))]));
    return { precision, recall, f1, entities };
  }
}
