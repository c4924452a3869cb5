import { RowError } from './row-error.js';
import type { Source } from '../input/sources.js';

export interface Line {
  readonly text: string;
  /** From 1. */
  readonly line: number;
}

export interface LineBatch {
  readonly lines: readonly Line[];
  /** Lines up to the end of this batch, from the start of the text. */
  readonly linesDone: number;
}

const longestLine = 1 << 26;

/**
 * Cuts text that arrives in pieces into lines, a batch for each piece, without their ends (`\n` or
 * `\r\n`). (Node's readline also cuts at U+2028, which may stand inside a JSON string.)
 *
 * @throws RowError for a line that is too long.
 */
export async function* splitLines(
  pieces: AsyncIterable<string>,
  source: Pick<Source, 'path' | 'format'>,
): AsyncGenerator<LineBatch, void, undefined> {
  let rest = '';
  let linesDone = 0;
  for await (const piece of pieces) {
    rest += piece;
    if (piece.includes('\n')) {
      const texts = rest.split('\n');
      rest = texts.pop()!;
      const lines = texts.map((text, i) => ({ text: dropReturn(text), line: linesDone + i + 1 }));
      linesDone += texts.length;
      yield { lines, linesDone };
    }
    if (rest.length > longestLine) {
      throw new RowError(
        source,
        linesDone + 1,
        `this line is longer than ${longestLine} characters.`,
      );
    }
  }
  if (rest === '') return;
  linesDone += 1;
  yield { lines: [{ text: dropReturn(rest), line: linesDone }], linesDone };
}

function dropReturn(text: string): string {
  return text.endsWith('\r') ? text.slice(0, -1) : text;
}

/** Why a row whose lines end otherwise than those of other files cannot be used: it would be taken for one where it is many. */
export const loneReturn = 'expected a line feed where a line ends, found a carriage return alone.';

/** Whether a carriage return stands in the midst of a line. */
export function hasLoneReturn(line: string): boolean {
  return line.includes('\r') && line.trim().includes('\r');
}

/** Whether there is nothing but white space. */
export function isBlank(text: string): boolean {
  // Most texts begin with something else, which `trim` would copy.
  return text.charCodeAt(0) > 0x20 && text.charCodeAt(0) < 0x80 ? false : text.trim() === '';
}
