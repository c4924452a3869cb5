import { isUtf8 } from 'node:buffer';

/**
 * UTF-8 with a memory for what is none: every byte that is no part of a character becomes a lone
 * surrogate, which no UTF-8 stands for, so that a row that holds one can be told, and its bytes too.
 */

/** What a decoder has met so far. */
export interface Decoding {
  /** Whether the text has lone surrogates. */
  isMalformed: boolean;
}

/** U+DC00 and the byte; Python does the same. */
const mark = 0xdc00;

/** Decodes bytes that begin and end with whole characters, as far as they are any. */
export function decodeUtf8(bytes: Buffer, decoding: Decoding): string {
  const text = bytes.toString('utf8');
  // Looking for a replacement is cheaper than checking the bytes; it may also stand in the text.
  if (!text.includes('\uFFFD') || isUtf8(bytes)) return text;
  decoding.isMalformed = true;
  return decodeDamaged(bytes);
}

function decodeDamaged(bytes: Buffer): string {
  let text = '';
  let done = 0;
  for (let at = 0; at < bytes.length;) {
    const length = measureCharacter(bytes, at);
    if (length > 0) {
      at += length;
      continue;
    }
    text += bytes.toString('utf8', done, at) + String.fromCharCode(mark + bytes[at]!);
    at += 1;
    done = at;
  }
  return text + bytes.toString('utf8', done);
}

/** Bytes of the character that begins at `at`; 0 where there is none. */
function measureCharacter(bytes: Buffer, at: number): number {
  const first = bytes[at]!;
  if (first < 0x80) return 1;
  const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  return isUtf8(bytes.subarray(at, at + length)) && at + length <= bytes.length ? length : 0;
}

/** Bytes at the end that may be the start of a character. */
export function measureOpenEnd(bytes: Uint8Array): number {
  for (let back = 1; back <= 3 && back <= bytes.length; back++) {
    const byte = bytes[bytes.length - back]!;
    if (byte < 0x80) return 0;
    // Of a character of several bytes the first one tells how many follow.
    if (byte >= 0xc0) return (byte >= 0xf0 ? 4 : byte >= 0xe0 ? 3 : 2) > back ? back : 0;
  }
  return 0;
}

/** Half of a character that stands without the other. */
export const loneSurrogate = /\p{Surrogate}/u;

/** Whether a text has marks of bytes that were no text. */
export function isMarked(text: string): boolean {
  return loneSurrogate.test(text);
}

/** The text with U+FFFD in the place of marks. */
export function dropMarks(text: string): string {
  return text.replace(/\p{Surrogate}/gu, '\uFFFD');
}

const excerptLength = 12;

/**
 * What is wrong with a marked text, and how it may have been meant.
 *
 * @param decodeLikely By the encoding that such bytes most often have.
 */
export function explainMarks(text: string, decodeLikely: (bytes: Buffer) => string): string {
  const at = text.search(loneSurrogate);
  const first = text.charAt(at);
  if (!isByte(first)) return 'expected UTF-16, found half of a character';
  // Within the line; not to begin or end within a pair.
  const before = text
    .slice(Math.max(0, at - excerptLength), at)
    .replace(/^[^]*[\r\n]/, '')
    .replace(/^[\uDC00-\uDFFF]/, '');
  const behind = text
    .slice(at, at + excerptLength)
    .replace(/[\r\n][^]*$/, '')
    .replace(/[\uD800-\uDBFF]$/, '');
  const parts = Array.from(before + behind);
  const raw = parts.map((part) =>
    isByte(part) ? `\\x${toByte(part).toString(16)}` : JSON.stringify(part).slice(1, -1),
  );
  const likely = parts.map((part) =>
    isByte(part) ? decodeLikely(Buffer.of(toByte(part))) : dropMarks(part),
  );
  return (
    `expected UTF-8, found the byte 0x${toByte(first).toString(16)} in "${raw.join('')}" ` +
    `(read as windows-1252: ${JSON.stringify(likely.join(''))})`
  );
}

function isByte(part: string): boolean {
  return part.length === 1 && part >= '\udc80' && part <= '\udcff';
}

function toByte(part: string): number {
  return part.charCodeAt(0) - mark;
}
