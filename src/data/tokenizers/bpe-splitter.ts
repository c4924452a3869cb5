import { classTable, space } from './character-classes.js';
import { encodeUtf8 } from '../../system/utf8.js';
import type { Visit } from './word-splitter.js';

/** How GPT-2 cuts a text into the words within which byte pairs are merged. */

/** What follows an apostrophe in a word of its own. */
const contractions = ['s', 't', 're', 've', 'm', 'll', 'd'].map(encodeUtf8);

const blank = 0x20;
const apostrophe = 0x27;
const lastAscii = 0x7f;

/**
 * Calls `visit` with every word in turn. The words together are the text; they are the matches of
 * `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+`.
 *
 * @param text UTF-8, without errors.
 */
export function splitByGpt2(text: Uint8Array, visit: Visit): void {
  for (let start = 0; start < text.length;) {
    const end = endOfWord(text, start);
    visit(text, start, end);
    start = end;
  }
}

function endOfWord(text: Uint8Array, start: number): number {
  const first = text[start]!;
  if (first === apostrophe) {
    const rest = contractions.find((each) => each.every((byte, i) => text[start + 1 + i] === byte));
    if (rest !== undefined) return start + 1 + rest.length;
  }
  const kind = classAt(text, start);
  if (kind !== space) return endOfRun(text, start, kind);
  if (first === blank && start + 1 < text.length) {
    const next = classAt(text, start + 1);
    if (next !== space) return endOfRun(text, start + 1, next);
  }
  const end = endOfRun(text, start, space);
  if (end === text.length) return end;
  // The last of several belongs to the word behind it, or is a word of its own.
  const last = startOfCharacter(text, end - 1);
  return last > start ? last : end;
}

function endOfRun(text: Uint8Array, start: number, kind: number): number {
  let end = start;
  while (end < text.length && classAt(text, end) === kind) end += sizeAt(text, end);
  return end;
}

function classAt(text: Uint8Array, at: number): number {
  const first = text[at]!;
  return classTable()[first <= lastAscii ? first : pointAt(text, at)]!;
}

/** Number of bytes of the character that begins there. */
function sizeAt(text: Uint8Array, at: number): number {
  const first = text[at]!;
  if (first <= lastAscii) return 1;
  return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

/** The code point of the character of several bytes that begins there. */
function pointAt(text: Uint8Array, at: number): number {
  const size = sizeAt(text, at);
  // A first byte of 110xxxxx, 1110xxxx, 11110xxx; the others are 10xxxxxx.
  let point = text[at]! & (0xff >> (size + 1));
  for (let i = 1; i < size; i++) point = (point << 6) | (text[at + i]! & 0x3f);
  return point;
}

function startOfCharacter(text: Uint8Array, at: number): number {
  let start = at;
  while ((text[start]! & 0xc0) === 0x80) start -= 1;
  return start;
}

/**
 * The largest index at which a text that goes on may be cut without changing its words: before
 * white space that follows anything else; 0 when there is none.
 *
 * @param blanks Whether the white space must be a blank.
 */
export function cutBeforeSpace(text: string, blanks: boolean): number {
  const classes = classTable();
  for (let i = text.length - 1; i > 0; i--) {
    if (classes[text.charCodeAt(i)] !== space || classes[text.charCodeAt(i - 1)] === space)
      continue;
    if (!blanks || text.charCodeAt(i) === blank) return i;
  }
  return 0;
}
