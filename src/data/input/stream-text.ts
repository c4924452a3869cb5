import { decodeWindows1252 } from './encodings.js';
import { type BytesObserver, readMarkedText, type TextOptions } from './source-text.js';
import type { Source } from './sources.js';
import { dropMarks, explainMarks, isMarked } from './utf8.js';
import type { Extent } from './extent.js';

/** A line that holds bytes that are no text. */
export interface BadLine {
  /** See BadRow. */
  readonly reason: string;
  readonly raw: string;
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
): AsyncGenerator<string, void, undefined> {
  const decoding = { isMalformed: false };
  const clean = (text: string): string =>
    decoding.isMalformed ? dropLines(text, onBadLine) : text;
  let open = '';
  for await (const piece of readMarkedText(source, options, decoding, extent, observe)) {
    open += piece;
    const end = open.length > longestLine ? open.length : open.lastIndexOf('\n') + 1;
    if (end === 0) continue;
    const text = clean(open.slice(0, end));
    open = open.slice(end);
    if (text !== '') yield text;
  }
  const rest = clean(open);
  if (rest !== '') yield rest;
}

function dropLines(text: string, onBadLine: (line: BadLine) => void): string {
  if (!isMarked(text)) return text;
  const kept: string[] = [];
  for (const line of text.match(/[^\n]*\n|[^\n]+$/g) ?? []) {
    if (!isMarked(line)) kept.push(line);
    else {
      const raw = dropMarks(line.replace(/\r?\n$/, ''));
      onBadLine({ reason: `${explainMarks(line, decodeWindows1252)}.`, raw });
    }
  }
  return kept.join('');
}
