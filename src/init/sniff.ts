import type { Format } from '../data/input/sources.js';

/** What a file is by its content, where its name tells nothing but that it is text. */

const LINES = 400;

/** Tags as most corpora of tagged words have them. */
const tag = /^(O|[BIESLU]-.+|[A-Z][A-Z$.,:'`-]*)$/;

/** @param mayBeTable whether it may be a CSV: a name that ends in .txt tells that it is none */
export async function sniffFormat(
  pieces: AsyncIterable<string>,
  mayBeTable: boolean,
): Promise<Format> {
  let text = '';
  for await (const piece of pieces) {
    text += piece;
    if (text.length > 1 << 17) break;
  }
  const all = text.split(/\r?\n/);
  const lines = all.slice(0, Math.min(LINES, Math.max(1, all.length - 1)));
  const filled = lines.filter((line) => line.trim() !== '');
  if (filled.length === 0) return 'text';
  if (filled.every((line) => isObject(line))) return 'jsonl';
  const cells = filled.filter((line) => !line.startsWith('-DOCSTART-')).map(splitBlanks);
  const columns = cells[0]?.length ?? 0;
  const hasBlank = filled.length < lines.length;
  const isEven = columns >= 2 && cells.every(({ length }) => length === columns);
  const tagged = cells.filter((each) => tag.test(each.at(-1) ?? '')).length;
  if (isEven && hasBlank && tagged >= 0.9 * cells.length) return 'conll';
  if (filled.length >= 2 && isTable(filled, '\t')) return 'tsv';
  if (mayBeTable && filled.length >= 3 && isTable(filled, ',')) return 'csv';
  return 'text';
}

export function splitBlanks(line: string): string[] {
  return line.trim().split(/[ \t]+/);
}

function isTable(lines: readonly string[], delimiter: string): boolean {
  const counts = lines.map((line) => line.split(delimiter).length);
  return counts[0]! > 1 && counts.every((count) => count === counts[0]);
}

function isObject(line: string): boolean {
  if (!line.trimStart().startsWith('{')) return false;
  try {
    JSON.parse(line);
    return true;
  } catch {
    // A line of text that begins with a brace.
    return false;
  }
}
