import { type Decoding, decodeUtf8, isMarked, measureOpenEnd } from './utf8.js';

/** From bytes to text. */

/** `latin1` is read as windows-1252, as browsers do. */
export const encodings = ['utf-8', 'utf-16le', 'utf-16be', 'latin1', 'windows-1252'] as const;
export type Encoding = (typeof encodings)[number];

/** What a file's byte order mark says about its encoding; undefined where there is none. */
export function detectEncoding(start: Uint8Array): Encoding | undefined {
  const [first, second, third] = start;
  if (first === 0xef && second === 0xbb && third === 0xbf) return 'utf-8';
  if (first === 0xff && second === 0xfe) return 'utf-16le';
  if (first === 0xfe && second === 0xff) return 'utf-16be';
  return undefined;
}

/**
 * Decodes bytes that arrive in pieces, never cutting a character in two; bytes that are no text
 * become lone surrogates, which `decoding` tells.
 *
 * @param encoding That of the byte order mark, else UTF-8, when absent.
 * @param atStart Whether the bytes begin where the file does: there a byte order mark is dropped.
 */
export async function* decodeText(
  pieces: AsyncIterable<Uint8Array>,
  encoding: Encoding | undefined,
  atStart: boolean,
  decoding: Decoding,
): AsyncGenerator<string, void, undefined> {
  let decode: ((bytes: Uint8Array | undefined) => string) | undefined;
  let dropMark = atStart;
  const finish = (text: string): string => {
    if (!dropMark || text === '') return text;
    dropMark = false;
    return text.startsWith('\uFEFF') ? text.slice(1) : text;
  };
  for await (const piece of gatherStart(pieces)) {
    decode ??= openDecoder(
      encoding ?? (atStart ? detectEncoding(piece) : undefined) ?? 'utf-8',
      decoding,
    );
    const text = finish(decode(piece));
    if (text !== '') yield text;
  }
  const rest = finish(decode?.(undefined) ?? '');
  if (rest !== '') yield rest;
}

const marks = [
  [0xef, 0xbb, 0xbf],
  [0xff, 0xfe],
  [0xfe, 0xff],
];

/** Whether more bytes could make a byte order mark of these. */
function mayBeMark(start: Uint8Array): boolean {
  return marks.some(
    (mark) => start.length < mark.length && start.every((byte, i) => byte === mark[i]),
  );
}

/** Joins the first pieces while they may begin a byte order mark: a pipe may give single bytes. */
async function* gatherStart(
  pieces: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  let start: Uint8Array | undefined = new Uint8Array();
  for await (const piece of pieces) {
    if (start !== undefined) {
      start = start.length === 0 ? piece : Buffer.concat([start, piece]);
      if (mayBeMark(start)) continue;
    }
    yield start ?? piece;
    start = undefined;
  }
  if (start !== undefined) yield start;
}

/** @returns Decodes the next bytes, and the rest when there are none. */
function openDecoder(
  encoding: Encoding,
  decoding: Decoding,
): (bytes: Uint8Array | undefined) => string {
  switch (encoding) {
    case 'utf-8':
      return joinCharacters(measureOpenEnd, (bytes) => decodeUtf8(bytes, decoding));
    case 'utf-16le':
    case 'utf-16be': {
      const isSwapped = encoding === 'utf-16be';
      return joinCharacters(
        (bytes) => measureOpenPair(bytes, isSwapped),
        (bytes) => decodeUtf16(bytes, isSwapped, decoding),
      );
    }
    case 'latin1':
    case 'windows-1252':
      return (bytes) => (bytes === undefined ? '' : decodeWindows1252(view(bytes)));
  }
}

/** Keeps the start of a character until the next bytes come. */
function joinCharacters(
  measureOpen: (bytes: Buffer) => number,
  decode: (bytes: Buffer) => string,
): (bytes: Uint8Array | undefined) => string {
  let open = Buffer.alloc(0);
  return (bytes) => {
    if (bytes === undefined) return decode(open);
    const joined = open.length === 0 ? view(bytes) : Buffer.concat([open, bytes]);
    const end = joined.length - measureOpen(joined);
    open = Buffer.from(joined.subarray(end));
    return decode(joined.subarray(0, end));
  };
}

/** Bytes at the end that may be the start of a character of UTF-16. */
function measureOpenPair(bytes: Buffer, isSwapped: boolean): number {
  const odd = bytes.length % 2;
  const high = bytes[bytes.length - odd - (isSwapped ? 2 : 1)] ?? 0;
  return high >= 0xd8 && high < 0xdc ? odd + 2 : odd;
}

function decodeUtf16(bytes: Buffer, isSwapped: boolean, decoding: Decoding): string {
  const whole = Buffer.from(bytes.subarray(0, bytes.length & ~1));
  const text = (isSwapped ? whole.swap16() : whole).toString('utf16le');
  const rest = bytes.length % 2 === 0 ? '' : '\udc00';
  if (rest !== '' || isMarked(text)) decoding.isMalformed = true;
  return text + rest;
}

function view({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length);
}

/**
 * What windows-1252 has in the place of Latin-1's unused control characters. (The TextDecoder of
 * Node 20 leaves them as control characters.)
 */
const windows1252 = '€\u0081‚ƒ„…†‡ˆ‰Š‹Œ\u008dŽ\u008f\u0090‘’“”•–—˜™š›œ\u009džŸ';

/** As browsers do. */
export function decodeWindows1252(bytes: Buffer): string {
  return bytes
    .toString('latin1')
    .replace(/[\u0080-\u009f]/g, (control) => windows1252[control.charCodeAt(0) - 0x80]!);
}
