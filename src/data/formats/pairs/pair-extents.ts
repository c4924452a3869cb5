import { createHash } from 'node:crypto';
import { requireText } from '../../input/content-kind.js';
import { detectEncoding } from '../../input/encodings.js';
import type { Extent } from '../../input/extent.js';
import { type BytesObserver, readBytes, type TextOptions } from '../../input/source-text.js';
import { nameSource, type Source } from '../../input/sources.js';
import { explainLines } from './pair-rows.js';

const lineFeed = 0x0a;

/**
 * Divides two text files whose lines belong together into extents of about `targetBytes` of the first that begin with the same line in
 * both, and finds out their content; both are read once, from the start to the end. Where either is compressed or in UTF-16 they are
 * one extent.
 *
 * @returns SHA-256 of both files' digests.
 * @throws UserError for a file that is no text, and where one has more lines than the other, as far as lines can be counted here.
 */
export async function surveyPair(
  source: Source,
  target: Source,
  targetBytes: number,
  options: TextOptions,
  observe?: BytesObserver,
): Promise<{ extents: Extent[]; sha256: string }> {
  const cuts: { line: number; end: number }[] = [];
  let next = targetBytes;
  const own = await scanLines(source, options, observe, (line, end) => {
    if (end < next) return;
    cuts.push({ line, end });
    next = end + targetBytes;
  });
  const ends: number[] = [];
  const other = await scanLines(target, options, observe, (line, end) => {
    if (line === cuts[ends.length]?.line) ends.push(end);
  });
  const sha256 = joinDigests(own.sha256, other.sha256);
  if (own.lines === undefined || other.lines === undefined) {
    return { extents: [join(0, own.bytes, 0, other.bytes)], sha256 };
  }
  if (own.lines !== other.lines) throw explainLines(source, own.lines, target, other.lines);
  const inside = cuts.filter(({ line }) => line < own.lines!);
  const bounds = [
    ...inside.map(({ end }, i) => [end, ends[i]!] as const),
    [own.bytes, other.bytes],
  ];
  const extents = bounds.map(([end, targetEnd], i) => {
    const [start, targetStart] = bounds[i - 1] ?? [0, 0];
    return join(start, end, targetStart, targetEnd);
  });
  return { extents, sha256 };
}

/** SHA-256 of two files' digests. */
export function joinDigests(own: string, other: string): string {
  return createHash('sha256').update(own).update(other).digest('hex');
}

function join(start: number, end: number, targetStart: number, targetEnd: number): Extent {
  return { start, end, target: { start: targetStart, end: targetEnd } };
}

/**
 * @param visit Is told of every line with a line feed: its number, from 1, and where it ends in the file.
 * @returns Without the number of lines where bytes do not tell them.
 */
async function scanLines(
  source: Source,
  { encoding }: TextOptions,
  observe: BytesObserver | undefined,
  visit: (line: number, end: number) => void,
): Promise<{ bytes: number; lines?: number; sha256: string }> {
  const content = createHash('sha256');
  let [bytes, lines] = [0, 0];
  let isCounted = source.compression === undefined;
  let last = lineFeed;
  const stored = readBytes(source, undefined, observe);
  // What is no text has no lines to count.
  const judged = isCounted ? requireText(stored, nameSource(source.path), encoding) : stored;
  for await (const piece of judged) {
    content.update(piece);
    const written = encoding ?? (bytes === 0 ? detectEncoding(Buffer.from(piece)) : undefined);
    if (written?.startsWith('utf-16')) isCounted = false;
    if (isCounted) {
      for (let at = piece.indexOf(lineFeed); at >= 0; at = piece.indexOf(lineFeed, at + 1)) {
        visit(++lines, bytes + at + 1);
      }
    }
    last = piece.at(-1) ?? last;
    bytes += piece.length;
  }
  const sha256 = content.digest('hex');
  if (!isCounted) return { bytes, sha256 };
  return { bytes, lines: last === lineFeed ? lines : lines + 1, sha256 };
}
