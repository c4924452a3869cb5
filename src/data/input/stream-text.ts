import { decodeWindows1252 } from './encodings.js';
import { type BytesObserver, countFeeds, readMarkedText, type TextOptions } from './source-text.js';
import type { Source } from './sources.js';
import { dropMarks, explainMarks, isMarked } from './utf8.js';
import type { Extent } from './extent.js';

/** A line that holds bytes that are no text. */
export interface BadLine {
  /** From 1, of the extent. */
  readonly line: number;
  /** See BadRow. */
  readonly reason: string;
  readonly raw: string;
}

/** A part of a stream. */
export interface StreamPart {
  readonly text: string;
  /** Line ends in it, and in what was left out before it. */
  readonly lines: number;
}

/** A text without line ends is not kept back for ever. */
const longestLine = 1 << 20;

/**
 * Reads a plain text as one stream, without the lines that hold bytes that are no text.
 *
 * @param onBadLine Is told of each of them, in their order.
 * @throws UserError for a file that cannot be read or whose compressed data is damaged.
 */
export async function* readStreamText(
  source: Source,
  options: TextOptions,
  onBadLine: (line: BadLine) => void,
  extent?: Extent,
  observe?: BytesObserver,
): AsyncGenerator<StreamPart, void, undefined> {
  const decoding = { isMalformed: false };
  let linesDone = 0;
  const clean = (text: string): StreamPart => {
    const kept = decoding.isMalformed ? dropLines(text, linesDone, onBadLine) : text;
    const lines = countFeeds(text);
    linesDone += lines;
    return { text: kept, lines };
  };
  let open = '';
  for await (const piece of readMarkedText(source, options, decoding, extent, observe)) {
    open += piece;
    const end = open.length > longestLine ? open.length : open.lastIndexOf('\n') + 1;
    if (end === 0) continue;
    yield clean(open.slice(0, end));
    open = open.slice(end);
  }
  yield clean(open);
}

function dropLines(text: string, linesBefore: number, onBadLine: (line: BadLine) => void): string {
  if (!isMarked(text)) return text;
  const kept: string[] = [];
  for (const [index, line] of (text.match(/[^\n]*\n|[^\n]+$/g) ?? []).entries()) {
    if (!isMarked(line)) kept.push(line);
    else {
      const raw = dropMarks(line.replace(/\r?\n$/, ''));
      onBadLine({
        line: linesBefore + index + 1,
        reason: `${explainMarks(line, decodeWindows1252)}.`,
        raw,
      });
    }
  }
  return kept.join('');
}
