import { decodeUtf8 } from '../../system/utf8.js';
import { type HashedVisit, type SplitOptions, WordSplitter, zeroDigits } from './word-splitter.js';

/**
 * The words of texts as they are written, of which their features are taken: one for each word that a tokenizer cuts out of the
 * same text, in the same order.
 */
export class WordForms {
  readonly #splitter: WordSplitter;
  readonly #marks: ReadonlySet<string>;
  /** What the vocabulary has of a form. */
  readonly #known: (form: string) => string;

  /**
   * @param marks see `marksOf`
   * @param kept what of the words stays that the tokenizer does not keep; it then needs separators and marks that it leaves as they
   *   are (src/config/feature-problems.ts)
   */
  constructor(
    options: SplitOptions,
    marks: readonly string[],
    kept: { readonly case: boolean; readonly digits: boolean },
  ) {
    const lowers = options.lowerCase && kept.case;
    const zeroes = options.zeroDigits === true && kept.digits;
    this.#splitter = new WordSplitter({
      ...options,
      ...(lowers && { lowerCase: false }),
      ...(zeroes && { zeroDigits: false }),
    });
    this.#marks = new Set(marks);
    this.#known = (form) => {
      const lower = lowers ? form.toLowerCase() : form;
      return zeroes ? zeroDigits(lower) : lower;
    };
  }

  /** The forms of all words of a text. */
  of(text: string): string[] {
    return listWords(this.#splitter, text).map((word) => this.ofWord(word));
  }

  /** Calls `visit` with every word of a text as it is written, which `ofWord` makes a form. */
  each(text: string, visit: HashedVisit): void {
    this.#splitter.split(text, visit);
  }

  /** The form of a word, of a text or of the vocabulary: that of a mark is empty. */
  ofWord(word: string): string {
    return this.#marks.has(this.#known(word)) ? '' : word;
  }
}

/** What stands among words and is none: the end of a line, and the unknown token itself. */
export function marksOf({ lineEnd, unknownToken, outOfVocabulary }: WordMarks): string[] {
  return [lineEnd, unknownToken ?? outOfVocabulary].filter((each) => typeof each === 'string');
}

/** What a tokenizer of words, of a config or made of one, says of them. */
interface WordMarks {
  readonly lineEnd?: string | undefined;
  readonly unknownToken?: string | undefined;
  readonly outOfVocabulary: string | null;
}

/** The words of a text, as a splitter cuts them. */
export function listWords(splitter: WordSplitter, text: string): string[] {
  const words: string[] = [];
  splitter.split(text, (bytes, start, end) => words.push(decodeUtf8(bytes.subarray(start, end))));
  return words;
}

/** What `toLowerCase` puts behind the i that it makes of a capital one with a dot. */
const dotAbove = '\u0307';

/** Whether lower-casing a text may change, make or take away a character. */
export function hasCase(character: string): boolean {
  const lower = character.toLowerCase();
  return lower !== character || character.toUpperCase() !== character || character === dotAbove;
}
