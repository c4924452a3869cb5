import { countCommon, countWordNgrams, sumOf, type Counts } from './ngrams.js';
import { ReferenceCounts } from './references.js';
import { cutForBleu, type BleuTokenizer } from './tokenizers.js';

/** What becomes of an order none of whose n-grams is right (Chen and Cherry 2014, methods 1 to 3). */
export type Smoothing = 'exp' | 'floor' | 'add-k' | 'none';

export interface BleuOptions {
  tokenizer?: BleuTokenizer;
  lowercase?: boolean;
  smoothing?: Smoothing;
  /** Of `floor` 0.1 and of `add-k` 1 where absent. */
  smoothingValue?: number;
  /** Has the mean taken over the orders that a text is long enough for: what single sentences need. */
  effectiveOrder?: boolean;
  /** Longest n-grams. */
  maxOrder?: number;
}

export interface BleuResult {
  /** From 0 to 100. */
  score: number;
  /** By order, in percent, after smoothing. */
  precisions: number[];
  brevityPenalty: number;
  /** Tokens of all hypotheses, and of the references that are nearest to them in length. */
  hypothesisLength: number;
  referenceLength: number;
  /** As sacreBLEU writes it: `nrefs:1|case:mixed|eff:no|tok:13a|smooth:exp|version:2.6.0`. */
  signature: string;
}

const usualValues = { exp: undefined, floor: 0.1, 'add-k': 1, none: undefined } as const;

/** BLEU of a corpus (Papineni et al. 2002), of hypotheses that come one by one, as sacreBLEU counts it. */
export class Bleu {
  readonly #options: Required<Omit<BleuOptions, 'smoothingValue'>>;
  readonly #smoothingValue: number | undefined;
  readonly #references = new ReferenceCounts();
  /** By order: n-grams that a reference has, too, and all of the hypotheses. */
  readonly #right: number[];
  readonly #all: number[];
  #hypothesisLength = 0;
  #referenceLength = 0;

  constructor({ smoothingValue, ...options }: BleuOptions = {}) {
    this.#options = {
      ...{ tokenizer: '13a', lowercase: false, smoothing: 'exp', effectiveOrder: false },
      ...{ maxOrder: 4, ...options },
    };
    this.#smoothingValue = smoothingValue ?? usualValues[this.#options.smoothing];
    this.#right = new Array<number>(this.#options.maxOrder).fill(0);
    this.#all = [...this.#right];
  }

  /** @throws UserError where there is no reference */
  add(hypothesis: string, references: readonly string[]): void {
    const words = this.#cut(hypothesis);
    const others = this.#references.take(references).map((text) => this.#cut(text));
    this.#hypothesisLength += words.length;
    this.#referenceLength += nearestLength(words.length, others);
    for (let order = 1; order <= this.#options.maxOrder; order++) {
      const counts = countWordNgrams(words, order);
      const known = others.map((each) => countWordNgrams(each, order));
      this.#all[order - 1]! += sumOf(counts);
      this.#right[order - 1]! += countCommon(counts, mostOf(known));
    }
  }

  #cut(text: string): string[] {
    const { lowercase, tokenizer } = this.#options;
    return cutForBleu(tokenizer, lowercase ? text.toLowerCase() : text);
  }

  result(): BleuResult {
    const [hypothesisLength, referenceLength] = [this.#hypothesisLength, this.#referenceLength];
    const { precisions, orders } = this.#smooth();
    let brevityPenalty = 1;
    if (hypothesisLength < referenceLength) {
      brevityPenalty = hypothesisLength > 0 ? Math.exp(1 - referenceLength / hypothesisLength) : 0;
    }
    const used = precisions.slice(0, orders);
    const logarithms = used.reduce((sum, precision) => sum + Math.log(precision), 0);
    return {
      score: orders === 0 ? 0 : brevityPenalty * Math.exp(logarithms / orders),
      ...{ precisions, brevityPenalty, hypothesisLength, referenceLength },
      signature: this.#sign(),
    };
  }

  /** Precisions by order, and over how many of them the mean goes: 0 where no n-gram is right. */
  #smooth(): { precisions: number[]; orders: number } {
    const { smoothing, effectiveOrder, maxOrder } = this.#options;
    const precisions = new Array<number>(maxOrder).fill(0);
    if (this.#right.every((count) => count === 0)) return { precisions, orders: 0 };
    const value = this.#smoothingValue ?? 0;
    let orders = maxOrder;
    let halved = 1;
    for (let order = 1; order <= maxOrder; order++) {
      const added = smoothing === 'add-k' && order > 1 ? value : 0;
      const [right, all] = [this.#right[order - 1]! + added, this.#all[order - 1]! + added];
      if (all === 0) break;
      if (effectiveOrder) orders = order;
      if (right > 0) precisions[order - 1] = (100 * right) / all;
      else if (smoothing === 'floor') precisions[order - 1] = (100 * value) / all;
      else if (smoothing === 'exp') {
        halved *= 2;
        precisions[order - 1] = 100 / (halved * all);
      }
    }
    return { precisions, orders };
  }

  #sign(): string {
    const { lowercase, effectiveOrder, tokenizer, smoothing } = this.#options;
    const hasValue = usualValues[smoothing] !== undefined;
    return this.#references.sign({
      case: lowercase ? 'lc' : 'mixed',
      eff: effectiveOrder ? 'yes' : 'no',
      tok: tokenizer,
      smooth: hasValue ? `${smoothing}[${toHundredths(this.#smoothingValue!)}]` : smoothing,
    });
  }
}

/** Whether a text has n-grams of every order: where no reference has them, nothing that is right makes BLEU more than 0. */
export function hasAllOrders(
  text: string,
  { tokenizer = '13a', maxOrder = 4 }: Pick<BleuOptions, 'tokenizer' | 'maxOrder'> = {},
): boolean {
  return cutForBleu(tokenizer, text).length >= maxOrder;
}

/** As Python writes it: what lies in the middle, as eighths do, goes to the even hundredth. */
function toHundredths(value: number): string {
  const below = Math.floor(value * 100);
  const isBetween = (value * 8) % 2 === 1;
  return (isBetween ? (below + (below % 2)) / 100 : value).toFixed(2);
}

/** Of the references the length that is nearest, of two as near the shorter one. */
function nearestLength(length: number, references: readonly (readonly string[])[]): number {
  const [first, ...others] = references.map((words) => words.length);
  return others.reduce((best, other) => {
    const [near, far] = [Math.abs(length - best), Math.abs(length - other)];
    return far < near || (far === near && other < best) ? other : best;
  }, first!);
}

/** Of each n-gram as many as the reference has that has most of it. */
function mostOf(counts: readonly Counts[]): Counts {
  const [first, ...others] = counts;
  if (others.length === 0) return first!;
  const most = new Map(first);
  for (const other of others) {
    for (const [ngram, count] of other) most.set(ngram, Math.max(count, most.get(ngram) ?? 0));
  }
  return most;
}
