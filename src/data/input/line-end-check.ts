import { UserError } from '../../errors.js';
import { readText, type TextOptions } from './source-text.js';
import { nameSource, type Notify, type Source } from './sources.js';

/** Characters that are looked at: few, since many small files are read once more for it. */
const lookedAt = 2 ** 16;

/**
 * Tells of plain texts that are read as one stream, and of which lines end in a carriage return alone, as far as their first
 * characters show: to a model they are one line with the next.
 */
export async function checkLineEnds(
  sources: readonly Source[],
  options: TextOptions,
  notify: Notify,
): Promise<void> {
  for (const source of sources) {
    const text = (await readStart(source, options)).trim();
    const first = text.search(/\r(?!\n)/);
    if (first < 0) continue;
    const line = text.slice(0, first).split('\n').length;
    const told = text.includes('\n')
      ? `some of its lines end in carriage returns alone, the first in line ${line}, so that each is read as one line with the next`
      : 'its lines end in carriage returns alone, so that it is read as one line';
    notify(
      `${nameSource(source.path)}: ${told}: end them in line feeds if they are meant to be lines.`,
    );
  }
}

/** Nothing more of a file that cannot be read, which will be said where it is read. */
async function readStart(source: Source, options: TextOptions): Promise<string> {
  let start = '';
  try {
    for await (const piece of readText(source, options)) {
      start += piece;
      if (start.length >= lookedAt) break;
    }
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
  }
  return start;
}
