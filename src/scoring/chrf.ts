import {
  countCharacterNgrams,
  countCommon,
  countWordNgrams,
  sumOf,
  type Counts,
} from './ngrams.js';
import { ReferenceCounts } from './references.js';
import { removeSpaces, splitWords } from './words.js';

export interface ChrfOptions {
  /** Longest n-grams of characters. */
  characterOrder?: number;
  /** Longest n-grams of words: 0 for chrF, 2 for chrF++. */
  wordOrder?: number;
  /** How many times as much as precision recall counts. */
  beta?: number;
  lowercase?: boolean;
  /** Whether spaces are characters, too. */
  whitespace?: boolean;
  /** Means over all orders, as chrF++.py has them, not over those that both texts are long enough for. */
  everyOrder?: boolean;
}

export interface ChrfResult {
  /** From 0 to 100. */
  score: number;
  /** chrF2, or chrF2++ where words count, too. */
  name: string;
  /** As sacreBLEU writes it: `nrefs:1|case:mixed|eff:yes|nc:6|nw:0|space:no|version:2.6.0`. */
  signature: string;
}

/** Of one order: n-grams of the hypothesis, of the reference, and of both. */
type Matches = readonly [hypothesis: number, reference: number, common: number];

const EPSILON = 1e-16;
const marks = new Set('!"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~');

/** chrF and chrF++ of a corpus (Popović 2015, 2017), of hypotheses that come one by one, as sacreBLEU counts them. */
export class Chrf {
  readonly #options: Required<ChrfOptions>;
  readonly #references = new ReferenceCounts();
  #sums: Matches[];

  constructor(options: ChrfOptions = {}) {
    this.#options = {
      ...{ characterOrder: 6, wordOrder: 0, beta: 2, lowercase: false },
      ...{ whitespace: false, everyOrder: false, ...options },
    };
    const { characterOrder, wordOrder } = this.#options;
    this.#sums = new Array<Matches>(characterOrder + wordOrder).fill([0, 0, 0]);
  }

  /**
   * Of several references that one counts which is most like the hypothesis.
   *
   * @throws UserError where there is no reference
   */
  add(hypothesis: string, references: readonly string[]): void {
    const own = this.#count(hypothesis);
    let best: { score: number; matches: Matches[] } | undefined;
    for (const reference of this.#references.take(references)) {
      const matches = this.#count(reference).map((others, order) => match(own[order]!, others));
      const score = this.#score(matches);
      if (best === undefined || score > best.score) best = { score, matches };
    }
    this.#sums = this.#sums.map(([hypotheses, all, common], order) => {
      const [h, r, c] = best!.matches[order]!;
      return [hypotheses + h, all + r, common + c];
    });
  }

  /** N-grams of characters by order, and behind them those of words. */
  #count(given: string): Counts[] {
    const { characterOrder, wordOrder, lowercase, whitespace } = this.#options;
    const text = lowercase ? given.toLowerCase() : given;
    const characters = whitespace ? text : removeSpaces(text);
    const words = wordOrder > 0 ? cutMarks(text) : [];
    return [
      ...ordersTo(characterOrder).map((order) => countCharacterNgrams(characters, order)),
      ...ordersTo(wordOrder).map((order) => countWordNgrams(words, order)),
    ];
  }

  #score(matches: readonly Matches[]): number {
    const { beta, everyOrder } = this.#options;
    const factor = beta ** 2;
    const meanOf = (precision: number, recall: number): number =>
      ((1 + factor) * precision * recall) / (factor * precision + recall);
    let [sum, precisions, recalls, orders] = [0, 0, 0, 0];
    for (const [hypothesis, reference, common] of matches) {
      const precision = hypothesis > 0 ? common / hypothesis : EPSILON;
      const recall = reference > 0 ? common / reference : EPSILON;
      sum += factor * precision + recall > 0 ? meanOf(precision, recall) : EPSILON;
      if (hypothesis === 0 || reference === 0) continue;
      precisions += precision;
      recalls += recall;
      orders += 1;
    }
    if (everyOrder) return (100 * sum) / matches.length;
    if (precisions + recalls === 0) return 0;
    return 100 * meanOf(precisions / orders, recalls / orders);
  }

  result(): ChrfResult {
    const { characterOrder, wordOrder, beta, lowercase, whitespace, everyOrder } = this.#options;
    return {
      score: this.#score(this.#sums),
      name: `chrF${beta}${'+'.repeat(wordOrder)}`,
      signature: this.#references.sign({
        case: lowercase ? 'lc' : 'mixed',
        eff: everyOrder ? 'no' : 'yes',
        ...{ nc: characterOrder, nw: wordOrder, space: whitespace ? 'yes' : 'no' },
      }),
    };
  }
}

function match(hypothesis: Counts, reference: Counts): Matches {
  // Where the reference is too short for an order, the hypothesis is not held to have said too much.
  const all = reference.size === 0 ? 0 : sumOf(hypothesis);
  return [all, sumOf(reference), countCommon(hypothesis, reference)];
}

/** Words, from which one mark of ASCII is cut: the last character if it is one, else the first. */
function cutMarks(text: string): string[] {
  return splitWords(text).flatMap((word) => {
    const characters = Array.from(word);
    if (characters.length === 1) return [word];
    const [first, last] = [characters[0]!, characters.at(-1)!];
    if (marks.has(last)) return [word.slice(0, -1), last];
    return marks.has(first) ? [first, word.slice(1)] : [word];
  });
}

function ordersTo(longest: number): number[] {
  return Array.from({ length: longest }, (_, i) => i + 1);
}
