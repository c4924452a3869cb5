import { type HashedVisit, type SplitOptions, WordSplitter } from './word-splitter.js';

/**
 * The words of texts as they are written, of which their features are taken: one for each word that a tokenizer cuts out of the
 * same text, in the same order.
 */
export class WordForms {
  readonly #splitter: WordSplitter;
  readonly #marks: ReadonlySet<string>;
  readonly #lowerCase: boolean;

  /**
   * @param marks see `marksOf`
   * @param keepsCase whether capitals count; those who lower-case then need separators that `hasCase` denies
   */
  constructor(options: SplitOptions, marks: readonly string[], keepsCase: boolean) {
    const lowerCase = options.lowerCase && !keepsCase;
    this.#splitter = new WordSplitter({ ...options, lowerCase });
    this.#marks = new Set(marks);
    this.#lowerCase = options.lowerCase;
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
    const isMark =
      this.#marks.has(word) || (this.#lowerCase && this.#marks.has(word.toLowerCase()));
    return isMark ? '' : word;
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
  splitter.split(text, (bytes, start, end) =>
    words.push(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString()),
  );
  return words;
}

/** What `toLowerCase` puts behind the i that it makes of a capital one with a dot. */
const dotAbove = '\u0307';

/** Whether lower-casing a text may change, make or take away a character. */
export function hasCase(character: string): boolean {
  const lower = character.toLowerCase();
  return lower !== character || character.toUpperCase() !== character || character === dotAbove;
}
