import { extname } from 'node:path';
import type { BadRow, Example, RowBatch } from '../../data/formats/examples.js';
import { readMembers, textOfValue } from '../../data/formats/json/json-members.js';
import type { RowFields } from '../../data/formats/rows.js';
import { nameSource } from '../../data/input/sources.js';
import { joinWords } from '../../config/expectation.js';
import { UserError } from '../../errors.js';
import { namePlace } from './bad-rows.js';
import { type Answer, answerRows, type Prediction } from './answers.js';
import { inTerms, predictTerms } from '../reading/reading-terms.js';

/** How answers are written: joined to all that the input's rows hold. */

export type Layout = 'csv' | 'jsonl';

/** Gives the lines of some answers, each with its line feed. */
export interface AnswerWriter<P> {
  write(answers: readonly Answer<P>[]): string;
  /** Is told what else a table of the input has than rows. */
  know(batch: RowBatch): void;
  /** What stands in a file without rows. */
  readonly empty: string;
}

/** What is added to a row. */
export interface Added<P> {
  /** Names of a table's columns, and what stands below them. */
  readonly columns: readonly string[];
  cells(prediction: P): readonly string[];
  /** Names of an object's members, and their values as JSON. */
  readonly members: readonly string[];
  values(prediction: P): readonly string[];
}

/** Of predictions: what is predicted, and the probabilities in the order of the classes. */
export function addPredictions(classes: readonly string[]): Added<Prediction> {
  return {
    columns: ['predicted', ...classes.map((name) => `probability_${name}`)],
    cells: ({ predicted, probabilities }) => [predicted, ...probabilities].map(String),
    members: ['predicted', ...(classes.length > 0 ? ['probabilities'] : [])],
    values({ predicted, probabilities }) {
      // Not an object of our own: a class may be called __proto__, and digits would come first.
      const byClass = classes.map((name, id) => `${JSON.stringify(name)}:${probabilities[id]!}`);
      return [JSON.stringify(predicted), ...(classes.length > 0 ? [`{${byClass.join(',')}}`] : [])];
    },
  };
}

/** What the output may be. */
const endings = { csv: '.csv', jsonl: '.jsonl', text: '.txt', conll: '.conll' } as const;

/**
 * The layout that the end of a file's name tells, of those that a command has.
 *
 * @throws UserError where it tells none
 */
export function layoutByName<L extends keyof typeof endings>(
  out: string,
  layouts: readonly L[],
): L {
  const ending = extname(out) === '.ndjson' ? endings.jsonl : extname(out);
  const found = layouts.find((each) => endings[each] === ending);
  if (found !== undefined) return found;
  const known = joinWords(layouts.map((each) => endings[each]));
  throw new UserError(`--out: expected a name that ends in ${known}, or --to, got ${out}`);
}

/**
 * Answers rows, and gives the output piece by piece, as they come.
 *
 * @param batchSize rows that are answered at a time, at most
 * @param totals is told of all answers
 */
export async function* writeRows<P>(
  writer: AnswerWriter<P>,
  batches: AsyncIterable<RowBatch>,
  batchSize: number,
  answer: (rows: readonly Example[]) => Promise<P[]>,
  totals: { add(answers: readonly Answer<P>[]): void },
): AsyncGenerator<string, void, undefined> {
  let isEmpty = true;
  for await (const answers of answerRows(knownTo(writer, batches), batchSize, answer)) {
    isEmpty = false;
    totals.add(answers);
    yield writer.write(answers);
  }
  if (isEmpty) yield writer.empty;
}

/** Passes batches on; whoever writes their answers is told of each before. */
async function* knownTo(
  writer: Pick<AnswerWriter<unknown>, 'know'>,
  batches: AsyncIterable<RowBatch>,
): AsyncGenerator<RowBatch, void, undefined> {
  for await (const batch of batches) {
    writer.know(batch);
    yield batch;
  }
}

/** @param prefix Stands before the name of everything that is added. */
export function openAnswerWriter<P>(
  layout: Layout,
  added: Added<P>,
  prefix: string,
): AnswerWriter<P> {
  const name = (each: string): string => `${prefix}${each}`;
  const named = { columns: added.columns.map(name), members: added.members.map(name) };
  return layout === 'csv'
    ? new CsvAnswers(added, named.columns)
    : new JsonAnswers(added, named.members, name('error'));
}

function refuseTaken(name: string, row: Pick<Example, 'source'>): never {
  throw new UserError(
    `${nameSource(row.source)} has a column ${JSON.stringify(name)} already: give the columns that are added another name with --prefix`,
  );
}

class CsvAnswers<P> implements AnswerWriter<P> {
  /** Of the output, but for those that are added. */
  #columns: readonly string[] | undefined;
  /** Of the first table. */
  #first: readonly string[] | undefined;
  /** Of the rows that came last, and where each of the output's columns stands in them. */
  #last: { columns: readonly string[]; places: readonly number[] } | undefined;

  /** @param names of the columns that are added */
  constructor(
    private readonly added: Added<P>,
    private readonly names: readonly string[],
  ) {}

  know({ source, columns }: RowBatch): void {
    if (columns === undefined || this.#first !== undefined) return;
    this.#refuseTaken({ source }, columns);
    this.#first = columns;
  }

  get empty(): string {
    return this.#header(this.#first ?? ['text']);
  }

  write(answers: readonly Answer<P>[]): string {
    let lines = '';
    for (const { row, prediction } of answers) {
      const table = toTable(row);
      if (this.#columns === undefined) {
        // Of a row that is no object nothing is known.
        if (table === undefined) throw new UserError(`${explainUnknown(row)}: expected --to jsonl`);
        this.#columns = table.columns;
        this.#refuseTaken(row, table.columns);
        lines += this.#header(table.columns);
      }
      const cells = table === undefined ? this.#columns.map(() => '') : this.#align(row, table);
      const told = prediction === undefined ? undefined : this.added.cells(prediction);
      lines += formatLine([...cells, ...(told ?? this.names.map(() => ''))]);
    }
    return lines;
  }

  #header(columns: readonly string[]): string {
    return formatLine([...columns, ...this.names]);
  }

  #refuseTaken(row: Pick<Example, 'source'>, columns: readonly string[]): void {
    const name = this.names.find((each) => columns.some((column) => column.trim() === each));
    if (name !== undefined) refuseTaken(name, row);
  }

  /** Cells in the order of the output's columns. */
  #align(row: Example | BadRow, { columns, cells }: Table): string[] {
    if (this.#last?.columns !== columns)
      this.#last = { columns, places: this.#place(row, columns) };
    return this.#last.places.map((place) => cells[place] ?? '');
  }

  #place(row: Example | BadRow, columns: readonly string[]): number[] {
    const expected = this.#columns!;
    if (columns.length === expected.length && columns.every((name, i) => name === expected[i])) {
      return columns.map((_, i) => i);
    }
    const isObject = row.fields !== undefined && 'json' in row.fields;
    const extra = columns.find((name) => !expected.includes(name));
    const missing = isObject ? undefined : expected.find((name) => !columns.includes(name));
    const odd = extra ?? missing;
    if (odd !== undefined) {
      throw new UserError(
        `${namePlace(row)}: ${extra === undefined ? 'there is no' : 'there is a'} column ${JSON.stringify(odd)}, ` +
          `${extra === undefined ? 'which the first row has' : 'which the first row has not'}: a table has the same columns in all rows; --to jsonl keeps any`,
      );
    }
    return expected.map((name) => columns.indexOf(name));
  }
}

interface Table {
  readonly columns: readonly string[];
  readonly cells: readonly string[];
}

function toTable(row: Example | BadRow): Table | undefined {
  const { fields }: { fields?: RowFields } = row;
  if (fields === undefined || 'cells' in fields) return fields;
  if ('lines' in fields) return { columns: ['text'], cells: [fields.lines.join('\n')] };
  const members = readMembers(fields.json);
  const columns = members.map(([name]) => name);
  if (new Set(columns).size < columns.length) {
    const twice = columns.find((name, i) => columns.indexOf(name) < i);
    throw new UserError(
      `${namePlace(row)}: the object has two fields ${JSON.stringify(twice)}, which a table cannot keep: expected --to jsonl`,
    );
  }
  return { columns, cells: members.map(([, value]) => textOfValue(value)) };
}

function explainUnknown(row: Example | BadRow): string {
  return `${namePlace(row)}: the first row does not tell which columns there are`;
}

/** A line of a CSV that every reader takes for these cells. */
function formatLine(cells: readonly string[]): string {
  const quoted = cells.map((cell) =>
    /^\s|\s$|[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell,
  );
  return `${quoted.join(',')}\n`;
}

class JsonAnswers<P> implements AnswerWriter<P> {
  readonly empty = '';

  know(): void {
    // An object says itself what it has.
  }

  /** Columns that need no further look. */
  #checked: readonly string[] | undefined;

  /**
   * @param names of the members that are added
   * @param error the same of why a row cannot be used
   */
  constructor(
    private readonly added: Added<P>,
    private readonly names: readonly string[],
    private readonly error: string,
  ) {}

  write(answers: readonly Answer<P>[]): string {
    return answers
      .map((answer) => {
        const members = [...this.#keep(answer.row), ...this.#answer(answer)];
        return `{${members.join(',')}}\n`;
      })
      .join('');
  }

  /** What the row holds, as the inside of an object; an object of the input stays as it is written. */
  #keep(row: Example | BadRow): string[] {
    const { fields } = row;
    if (fields === undefined) return 'raw' in row ? [`"raw":${JSON.stringify(row.raw)}`] : [];
    if ('json' in fields) {
      this.#refuseTaken(
        row,
        readMembers(fields.json).map(([name]) => name),
      );
      const inside = fields.json.slice(1, -1).trim();
      return inside === '' ? [] : [inside];
    }
    if ('lines' in fields) return [`"lines":${JSON.stringify(fields.lines)}`];
    const { columns, cells } = fields;
    if (this.#checked !== columns) {
      this.#refuseTaken(row, columns);
      const twice = columns.find((name, i) => columns.indexOf(name) < i);
      if (twice !== undefined) {
        throw new UserError(
          `${nameSource(row.source)}: its header names the column ${JSON.stringify(twice)} twice, which an object cannot: expected --to csv`,
        );
      }
      this.#checked = columns;
    }
    return columns.map((name, i) => `${JSON.stringify(name)}:${JSON.stringify(cells[i])}`);
  }

  #answer({ row, prediction }: Answer<P>): string[] {
    const values = prediction === undefined ? undefined : this.added.values(prediction);
    const members = this.names.map((name, i) => `${JSON.stringify(name)}:${values?.[i] ?? 'null'}`);
    if (prediction !== undefined) return members;
    const reason = 'reason' in row ? inTerms(predictTerms, row.reason) : '';
    return [...members, `${JSON.stringify(this.error)}:${JSON.stringify(reason)}`];
  }

  #refuseTaken(row: Example | BadRow, names: readonly string[]): void {
    const taken = 'reason' in row ? [...this.names, this.error] : this.names;
    const name = taken.find((each) => names.includes(each));
    if (name !== undefined) refuseTaken(name, row);
  }
}
