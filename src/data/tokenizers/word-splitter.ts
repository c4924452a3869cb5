import { TextBytes } from './text-bytes.js';
import { encodeUtf8 } from '../../system/utf8.js';
import { emptyHash, finishHash, hashWord, takeByte } from './word-table.js';

/** How Keras's `text_to_word_sequence` cuts a text into words. */

export interface SplitOptions {
  /** Each of these characters is replaced by `split`. */
  readonly filters: string;
  readonly lowerCase: boolean;
  /** Whether every digit (0 to 9) becomes 0. */
  readonly zeroDigits?: boolean | undefined;
  readonly split: string;
  /** The word that each line end (`\n` or `\r\n`) becomes; without it they are characters like others. */
  readonly lineEnd?: string | undefined;
}

/** Gets a word as UTF-8: `bytes[start, end)`. */
export type Visit = (bytes: Uint8Array, start: number, end: number) => void;

/** Gets its hash as well (see `hashWord`). */
export type HashedVisit = (bytes: Uint8Array, start: number, end: number, code: number) => void;

const whiteSpace = /\s/;
const lastAscii = 0x7f;
const lineFeed = 0x0a;
const carriageReturn = 0x0d;
/** What a byte does to the word before it. */
const endsWord = 1;
const endsLine = 2;

export function zeroDigits(text: string): string {
  return text.replaceAll(/[1-9]/g, '0');
}

export class WordSplitter {
  readonly #options: SplitOptions;
  /** By byte; 0 where it belongs to the word. Absent when a separator is longer than one byte. */
  readonly #ends: Uint8Array | undefined;
  /** Where a text may be cut: white space if it separates, else any separator. */
  readonly #cuts: ReadonlySet<string>;
  readonly #text = new TextBytes();
  readonly #lineEnd: Uint8Array | undefined;

  constructor(options: SplitOptions) {
    this.#options = options;
    const { lineEnd } = options;
    this.#lineEnd = lineEnd === undefined ? undefined : encodeUtf8(lineEnd);
    const separators = [...Array.from(options.filters), options.split];
    if (lineEnd !== undefined) separators.push('\n');
    if (separators.every((each) => each.length === 1 && each.charCodeAt(0) <= lastAscii)) {
      this.#ends = new Uint8Array(1 << 8);
      for (const each of separators) this.#ends[each.charCodeAt(0)] = endsWord;
      if (lineEnd !== undefined) this.#ends[lineFeed] = endsLine;
    }
    const blanks = separators.filter((each) => whiteSpace.test(each));
    this.#cuts = new Set(blanks.length > 0 ? blanks : separators);
  }

  /** Whether a text may be cut behind any line feed: see `cut`. */
  get cutsAtLineFeeds(): boolean {
    return this.#cuts.has('\n');
  }

  /** Calls `visit` with every word in turn. */
  split(given: string, visit: HashedVisit): void {
    const text = this.#options.zeroDigits === true ? zeroDigits(given) : given;
    const ends = this.#ends;
    if (ends === undefined) {
      this.#splitSlowly(text, visit);
      return;
    }
    if (this.#options.lowerCase) this.#text.setLower(text);
    else this.#text.set(text);
    const { bytes, length } = this.#text;
    let start = 0;
    // Words are hashed on the way: looking at each of them again takes a third of the time more.
    let code = emptyHash;
    for (let i = 0; i < length; i++) {
      const byte = bytes[i]!;
      if (ends[byte] === 0) {
        code = takeByte(code, byte);
        continue;
      }
      if (ends[byte] === endsLine) this.#visitLineEnd(bytes, start, i, code, visit);
      else if (i > start) visit(bytes, start, i, finishHash(code));
      start = i + 1;
      code = emptyHash;
    }
    if (start < length) visit(bytes, start, length, finishHash(code));
  }

  /** The last word of a line, which began at `start`, and the line's end. */
  #visitLineEnd(
    bytes: Uint8Array,
    start: number,
    end: number,
    code: number,
    visit: HashedVisit,
  ): void {
    if (end > start && bytes[end - 1] === carriageReturn) {
      if (end - 1 > start) visit(bytes, start, end - 1, hashWord(bytes, start, end - 1));
    } else if (end > start) {
      visit(bytes, start, end, finishHash(code));
    }
    const word = this.#lineEnd!;
    visit(word, 0, word.length, hashWord(word, 0, word.length));
  }

  #splitSlowly(text: string, visit: HashedVisit): void {
    const source = this.#options.lowerCase ? text.toLowerCase() : text;
    const word = this.#lineEnd;
    if (word === undefined) {
      this.#splitLine(source, visit);
      return;
    }
    for (const [i, line] of source.split(/\r?\n/).entries()) {
      if (i > 0) visit(word, 0, word.length, hashWord(word, 0, word.length));
      this.#splitLine(line, visit);
    }
  }

  #splitLine(source: string, visit: HashedVisit): void {
    const { filters, split } = this.#options;
    const filtered = new Set(filters);
    const replaced = Array.from(source, (each) => (filtered.has(each) ? split : each)).join('');
    for (const word of replaced.split(split)) {
      if (word === '') continue;
      this.#text.set(word);
      const { bytes, length } = this.#text;
      visit(bytes, 0, length, hashWord(bytes, 0, length));
    }
  }

  /**
   * The largest index at which a text that goes on may be cut without changing its words: behind
   * white space, because what stands across a punctuation mark can change how a letter is lowered
   * (the Greek sigma).
   */
  cut(text: string): number {
    for (let end = text.length; end > 0; end--) {
      for (const each of this.#cuts) if (text.endsWith(each, end)) return end;
    }
    return 0;
  }
}
