import { UserError } from '../../../errors.js';
import { counted } from '../../../system/counted.js';
import type { Extent } from '../../input/extent.js';
import { type BytesObserver, readMarkedText, type TextOptions } from '../../input/source-text.js';
import type { Source } from '../../input/sources.js';
import type { Decoding } from '../../input/utf8.js';
import { hasLoneReturn, type Line, loneReturn, splitLines } from '../lines.js';
import { RowError } from '../row-error.js';
import type { ParsedBatch, ParsedRow, RowOptions } from '../rows.js';

/** What the two files are called where both sides stand in a table. */
const columns = ['source', 'target'];

/**
 * Reads two text files in step: line n of the one and line n of the other, as text and label, are row n.
 *
 * @param target The file with the translations.
 * @param extent Of the same lines in both.
 * @throws UserError where one file has lines that the other has not, RowError for a line that is too long.
 */
export async function* readPairRows(
  source: Source,
  target: Source,
  options: TextOptions & Pick<RowOptions, 'keep'>,
  decoding: Decoding,
  extent?: Extent,
  observe?: BytesObserver,
): AsyncGenerator<ParsedBatch, void, undefined> {
  const piecesOf = (file: Source, part: Extent | undefined): AsyncIterable<string> =>
    readMarkedText(file, options, decoding, part, observe);
  const sources = new LineReader(piecesOf(source, extent), source);
  const targets = new LineReader(piecesOf(target, extent?.target), target);
  try {
    for (let linesDone = 0; ;) {
      const [texts, labels] = [await sources.look(), await targets.look()];
      const count = Math.min(texts.length, labels.length);
      if (count === 0) break;
      const rows = Array.from({ length: count }, (_, i) =>
        rowOf(texts[i]!, labels[i]!.text, options.keep === true),
      );
      sources.advance(count);
      targets.advance(count);
      linesDone += count;
      yield { rows, linesDone };
    }
    const [lines, others] = [await sources.countAll(), await targets.countAll()];
    if (lines !== others) throw explainLines(source, lines, target, others);
  } catch (error) {
    // Who read it knows the line alone, and it is the other file's.
    const isOther = error instanceof RowError && error.path === target.path;
    throw isOther ? new RowError(target, error.line, error.reason, true) : error;
  } finally {
    await sources.close();
    await targets.close();
  }
}

function rowOf({ line, text }: Line, label: string, keep: boolean): ParsedRow {
  const fields = keep && { fields: { columns, cells: [text, label] } };
  const isOfTarget = !hasLoneReturn(text);
  if (isOfTarget && !hasLoneReturn(label)) return { line, text, label, ...fields };
  return { line, reason: loneReturn, raw: isOfTarget ? label : text, isOfTarget, ...fields };
}

/** The refusal of files of different numbers of lines. */
export function explainLines(
  source: Source,
  lines: number,
  target: Source,
  targetLines: number,
): UserError {
  const longer = lines > targetLines ? source : target;
  const first = Math.min(lines, targetLines) + 1;
  return new UserError(
    `${source.path} has ${counted(lines, 'line')} and ${target.path} has ${targetLines}: ` +
      `line ${first} of ${longer.path} belongs to none; expected as many lines in both.`,
  );
}

/** Lines of a text in the order of the file, some of them ahead. */
class LineReader {
  readonly #batches: ReturnType<typeof splitLines>;
  #lines: readonly Line[] = [];
  #next = 0;
  #taken = 0;

  constructor(pieces: AsyncIterable<string>, source: Source) {
    this.#batches = splitLines(pieces, source);
  }

  /** The next lines, as many as have been read; none at the end. */
  async look(): Promise<readonly Line[]> {
    while (this.#next === this.#lines.length) {
      const batch = await this.#batches.next();
      if (batch.done === true) return [];
      this.#lines = batch.value.lines;
      this.#next = 0;
    }
    if (this.#next > 0) this.#lines = this.#lines.slice(this.#next);
    this.#next = 0;
    return this.#lines;
  }

  advance(count: number): void {
    this.#next += count;
    this.#taken += count;
  }

  /** Reads to the end; how many lines there were. */
  async countAll(): Promise<number> {
    for (let lines; (lines = await this.look()).length > 0;) this.advance(lines.length);
    return this.#taken;
  }

  async close(): Promise<void> {
    await this.#batches.return();
  }
}
