import { UserError } from '../../errors.js';
import { readText, type TextOptions } from './source-text.js';
import { nameSource, type Notify, type Source } from './sources.js';

/** Characters that are looked at. */
const lookedAt = 2 ** 20;

/**
 * Tells of plain texts that are read as one stream, and of which no line ends in a line feed, as far as their first million
 * characters show, but many in a carriage return alone: to a model they are one line each.
 */
export async function checkLineEnds(
  sources: readonly Source[],
  options: TextOptions,
  notify: Notify,
): Promise<void> {
  for (const source of sources) {
    if (!hasReturnsAlone(await readStart(source, options))) continue;
    notify(
      `${nameSource(source.path)}: its lines end in carriage returns alone, so that it is read as one line: end them in line feeds if they are meant to be lines.`,
    );
  }
}

function hasReturnsAlone(text: string): boolean {
  return !text.includes('\n') && text.trim().includes('\r');
}

/** Up to a line feed; nothing of a file that cannot be read, which will be said where it is read. */
async function readStart(source: Source, options: TextOptions): Promise<string> {
  let start = '';
  try {
    for await (const piece of readText(source, options)) {
      start += piece;
      if (start.length >= lookedAt || piece.includes('\n')) break;
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
  }
  return start;
}
