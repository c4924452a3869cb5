/** How Keras's `text_to_word_sequence` cuts a text into words. */

export interface SplitOptions {
  /** Each of these characters is replaced by `split`. */
  readonly filters: string;
  readonly lowerCase: boolean;
  readonly split: string;
}

export type Visit = (source: string, start: number, end: number) => void;

const whiteSpace = /\s/;

export class WordSplitter {
  readonly #options: SplitOptions;
  /** 1 where a code unit ends a word; absent when a separator is longer than one code unit. */
  readonly #ends: Uint8Array | undefined;
  /** Where a text may be cut: white space if it separates, else any separator. */
  readonly #cuts: ReadonlySet<string>;

  constructor(options: SplitOptions) {
    this.#options = options;
    const separators = [...Array.from(options.filters), options.split];
    if (separators.every((each) => each.length === 1)) {
      this.#ends = new Uint8Array(1 << 16);
      for (const each of separators) this.#ends[each.charCodeAt(0)] = 1;
    }
    const blanks = separators.filter((each) => whiteSpace.test(each));
    this.#cuts = new Set(blanks.length > 0 ? blanks : separators);
  }

  /** Calls `visit` with every word in turn: it is `source[start, end)`. */
  split(text: string, visit: Visit): void {
    const source = this.#options.lowerCase ? text.toLowerCase() : text;
    const ends = this.#ends;
    if (ends === undefined) {
      this.#splitSlowly(source, visit);
      return;
    }
    let start = 0;
    for (let i = 0; i < source.length; i++) {
      if (ends[source.charCodeAt(i)] === 0) continue;
      if (i > start) visit(source, start, i);
      start = i + 1;
    }
    if (start < source.length) visit(source, start, source.length);
  }

  #splitSlowly(source: string, visit: Visit): void {
    const { filters, split } = this.#options;
    const filtered = new Set(filters);
    const replaced = Array.from(source, (each) => (filtered.has(each) ? split : each)).join('');
    for (const word of replaced.split(split)) if (word !== '') visit(word, 0, word.length);
  }

  /**
   * The largest index at which a text that goes on may be cut without changing its words: behind
   * white space, because what stands across a punctuation mark can change how a letter is lowered
   * (the Greek sigma).
   */
  cut(text: string): number {
    let index = 0;
    for (const each of this.#cuts) {
      const at = text.lastIndexOf(each);
      if (at >= 0) index = Math.max(index, at + each.length);
    }
    return index;
  }
}
