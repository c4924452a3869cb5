import type { AddedToken } from './bpe-parsed.js';
import { classTable, space } from './character-classes.js';

export type Section = { readonly text: string; readonly id?: undefined } | { readonly id: number };

const wordCharacter = /[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]/u;

/**
 * Finds added tokens (`<|endoftext|>` and the like) in a text: the leftmost one first, of several
 * that begin at one place the longest.
 */
export class AddedTokenFinder {
  readonly #pattern: RegExp;
  readonly #tokens: ReadonlyMap<string, AddedToken>;

  /** @param normalize What is done to the text in which the tokens are looked for. */
  constructor(tokens: readonly AddedToken[], normalize: (text: string) => string) {
    this.#tokens = new Map(tokens.map((token) => [normalize(token.content), token]));
    const contents = Array.from(this.#tokens.keys(), escape);
    // An alternation takes the first that fits.
    contents.sort((a, b) => b.length - a.length);
    this.#pattern = new RegExp(contents.length > 0 ? contents.join('|') : '(?!)', 'gu');
  }

  /** The text's sections in order: tokens that were found, and what stands between them. */
  split(text: string): Section[] {
    const sections: Section[] = [];
    let from = 0;
    for (const match of text.matchAll(this.#pattern)) {
      const token = this.#tokens.get(match[0])!;
      let start = match.index;
      let end = start + match[0].length;
      if (token.single_word && touchesWord(text, start, end)) continue;
      if (token.lstrip) while (start > from && isSpace(text, start - 1)) start -= 1;
      if (token.rstrip) while (isSpace(text, end)) end += 1;
      if (start > from) sections.push({ text: text.slice(from, start) });
      sections.push({ id: token.id });
      from = end;
    }
    if (from < text.length) sections.push({ text: text.slice(from) });
    return sections;
  }
}

function isSpace(text: string, index: number): boolean {
  return index < text.length && classTable()[text.charCodeAt(index)] === space;
}

function touchesWord(text: string, start: number, end: number): boolean {
  const before = Array.from(text.slice(Math.max(0, start - 2), start)).at(-1) ?? '';
  const after = String.fromCodePoint(text.codePointAt(end) ?? 0);
  return wordCharacter.test(before) || wordCharacter.test(after);
}

function escape(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&');
}
