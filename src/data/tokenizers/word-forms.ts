import { type SplitOptions, WordSplitter } from './word-splitter.js';

/**
 * The words of texts as they are written, of which their features are taken: one for each word that a tokenizer cuts out of the
 * same text, in the same order.
 */
export class WordForms {
  readonly #words: WordSplitter;
  /** Cuts at the same places and leaves capitals as they are. */
  readonly #written: WordSplitter | undefined;
  readonly #marks: ReadonlySet<string>;

  /**
   * @param marks see `marksOf`
   * @param keepsCase whether capitals count; those who lower-case then need separators that `hasCase` denies
   */
  constructor(options: SplitOptions, marks: readonly string[], keepsCase: boolean) {
    this.#words = new WordSplitter(options);
    if (keepsCase && options.lowerCase) {
      this.#written = new WordSplitter({ ...options, lowerCase: false });
    }
    this.#marks = new Set(marks);
  }

  /** The forms of all words of a text; a mark has an empty one. */
  of(text: string): string[] {
    const words = listWords(this.#words, text);
    const written = this.#written && listWords(this.#written, text);
    return words.map((word, i) => (this.#marks.has(word) ? '' : (written?.[i] ?? word)));
  }

  /** The form of a word of the vocabulary, which has no other case than that. */
  ofWord(word: string): string {
    return this.#marks.has(word) ? '' : word;
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
