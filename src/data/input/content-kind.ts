import { UserError } from '../../errors.js';
import { detectEncoding, type Encoding } from './encodings.js';

/** What a file is by its first bytes, whatever its name says. */

const kinds: readonly (readonly [start: string, what: string, hint: string])[] = [
  ['1f8b08', 'gzip data', 'let its name end in .gz'],
  ['28b52ffd', 'zstd data', 'let its name end in .zst'],
  ['50415231', 'a Parquet file', 'let its name end in .parquet, or set data.format'],
  ['504b0304', 'a zip archive (as .xlsx and .docx are)', 'unpack it, or export it as text'],
  ['425a68', 'bzip2 data', 'compress it by gzip or zstd'],
  ['fd377a585a00', 'xz data', 'compress it by gzip or zstd'],
  ['4152524f5731', 'an Arrow file', 'convert it to Parquet'],
  ['25504446', 'a PDF', 'export it as text'],
];

/** A text that has to be told to be UTF-16. */
export class UnmarkedUtf16 extends UserError {
  constructor(
    path: string,
    readonly encoding: Encoding,
  ) {
    super(
      `${path} seems to be UTF-16 without a byte order mark: set data.encoding to ${encoding}.`,
    );
  }
}

/** Whatever is not text soon shows. */
const searchedBytes = 2 ** 13;

/**
 * Passes on the bytes of a file when they begin as text does. They are judged alike in whatever pieces they come; those that
 * look like none are kept back until enough are there to tell.
 *
 * @param isUnpacked Whether the file was compressed, so that they are what was in it.
 * @throws UserError that says what the file is.
 */
export async function* requireText(
  pieces: AsyncIterable<Uint8Array>,
  path: string,
  encoding: Encoding | undefined,
  isUnpacked = false,
): AsyncGenerator<Uint8Array, void, undefined> {
  let start = Buffer.alloc(0);
  let passed = 0;
  let isKnown = false;
  const judge = (): UserError | undefined => explainNoText(start, path, encoding, isUnpacked);
  for await (const piece of pieces) {
    if (isKnown) {
      yield piece;
      continue;
    }
    // A pipe may give single bytes.
    start = Buffer.concat([start, piece]);
    if (start.length < longestStart) continue;
    const refusal = judge();
    isKnown = start.length >= searchedBytes;
    if (isKnown && refusal !== undefined) throw refusal;
    if (refusal !== undefined) continue;
    yield start.subarray(passed);
    passed = start.length;
  }
  if (isKnown || start.length === passed) return;
  const refusal = judge();
  if (refusal !== undefined) throw refusal;
  yield start.subarray(passed);
}

const longestStart = 6;

/** Why the start of a file is that of no text; undefined where it is, as far as it goes. */
function explainNoText(
  start: Buffer,
  path: string,
  encoding: Encoding | undefined,
  isUnpacked: boolean,
): UserError | undefined {
  const hex = start.toString('hex', 0, longestStart);
  const kind = kinds.find(([magic]) => hex.startsWith(magic));
  // "BZh" and "PAR1" may also begin a text.
  if (kind !== undefined && looksBinary(start)) {
    return new UserError(
      isUnpacked
        ? `${path}, when it is unpacked, is ${kind[1]}, expected text: unpack it once before.`
        : `${path} is ${kind[1]}, expected text: ${kind[2]}.`,
    );
  }
  if (/^(fffe0000|0000feff)/.test(hex)) {
    return new UserError(`${path} is UTF-32, expected another encoding: convert it to UTF-8.`);
  }
  const marked = detectEncoding(start);
  if (marked !== undefined && encoding !== undefined && marked !== encoding) {
    return new UserError(
      `${path} begins with the byte order mark of ${marked}, but is to be read as ${encoding}: set data.encoding to ${marked}.`,
    );
  }
  if ((encoding ?? marked)?.startsWith('utf-16') === true) return undefined;
  const searched = start.subarray(0, searchedBytes);
  const guess = guessUtf16(searched);
  if (guess !== undefined) return new UnmarkedUtf16(path, guess);
  const isBinary = countControls(searched) > Math.max(fewestControls, searched.length / 20);
  return isBinary ? new UserError(`${path} is binary data, expected text.`) : undefined;
}

/** A short text may have some stray ones. */
const fewestControls = 2;

function looksBinary(start: Buffer): boolean {
  return start.subarray(0, searchedBytes).some((byte) => byte < 9 || byte >= 0x80);
}

/** Of random bytes a tenth; of a text none, or some stray ones. */
function countControls(bytes: Buffer): number {
  let count = 0;
  for (const byte of bytes) if (byte < 9 || (byte > 13 && byte < 32 && byte !== 27)) count += 1;
  return count;
}

/** A letter and a line feed have two. */
const fewestZeros = 2;

/** Of most characters in most languages one of the two bytes is 0. */
function guessUtf16(bytes: Buffer): Encoding | undefined {
  const { length } = bytes;
  let even = 0;
  let odd = 0;
  for (let at = bytes.indexOf(0); at >= 0; at = bytes.indexOf(0, at + 1)) {
    if (at % 2 === 0) even += 1;
    else odd += 1;
  }
  if (odd + even < fewestZeros) return undefined;
  if (odd > length / 8 && even <= odd / 8) return 'utf-16le';
  return even > length / 8 && odd <= even / 8 ? 'utf-16be' : undefined;
}

/**
 * Passes on the bytes of a file when they begin as its compression does.
 *
 * @throws UserError where the file is not compressed as its name says.
 */
export async function* requireCompressed(
  pieces: AsyncIterable<Uint8Array>,
  path: string,
  compression: 'gzip' | 'zstd',
): AsyncGenerator<Uint8Array, void, undefined> {
  let start: Buffer | undefined = Buffer.alloc(0);
  for await (const piece of pieces) {
    if (start === undefined) {
      yield piece;
      continue;
    }
    start = Buffer.concat([start, piece]);
    if (start.length < 4) continue;
    const hex = start.toString('hex', 0, 4);
    // Frames that zstd skips may come first.
    const isMeant =
      compression === 'gzip' ? hex.startsWith('1f8b') : /^(28b52ffd|5.2a4d18)$/.test(hex);
    if (!isMeant) {
      const what = kinds.find(([magic]) => hex.startsWith(magic.slice(0, 8)))?.[1];
      throw new UserError(
        `${path} is no ${compression} data${what === undefined ? '' : ` but ${what}`}, as its name says: rename it to what it is.`,
      );
    }
    yield start;
    start = undefined;
  }
  if (start !== undefined && start.length > 0) yield start;
}
