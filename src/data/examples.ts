import { UserError } from '../errors.js';
import { findColumn, listNames, suggest } from './columns.js';
import { parseCsv } from './csv.js';
import { describe, parseJsonLines, readField, splitLines } from './jsonl.js';
import { type BytesObserver, readText } from './source-text.js';
import { type Format, listSources, type Source } from './sources.js';

/** One row of a corpus, and where it stands. */
export interface Example {
  readonly text: string;
  /** The name of the class, when a label was asked for. */
  readonly label?: string;
  /** The file, as named by the user or found by a glob. */
  readonly source: string;
  /** Line of the file, from 1, on which the row begins. */
  readonly line: number;
  /** Rows of the file up to this one, itself included. */
  readonly row: number;
}

export interface ExampleOptions {
  /** Of all the files; by default told from each file's extension. */
  readonly format?: Format | undefined;
  /** Column or field that holds the text. */
  readonly text: string;
  /** Column or field that holds the class; when absent, examples have no label. */
  readonly label?: string | undefined;
}

/**
 * Streams the rows of files, globs or standard input (`-`), one example for each: a row of a CSV,
 * an object of a JSONL, a line of a plain text.
 *
 * @throws UserError that names file, line and column at fault.
 */
export async function* readExamples(
  paths: readonly string[],
  options: ExampleOptions,
): AsyncGenerator<Example, void, undefined> {
  for (const source of await listSources(paths, options.format, 'input')) {
    for await (const batch of readSource(source, options)) yield* batch;
  }
}

/** Streams the rows of one source in batches, one for each piece of the file that is read. */
export function readSource(
  source: Source,
  options: ExampleOptions,
  observe?: BytesObserver,
): AsyncGenerator<Example[], void, undefined> {
  const pieces = readText(source, observe);
  switch (source.format) {
    case 'csv':
      return readCsv(pieces, ',', source, options);
    case 'tsv':
      return readCsv(pieces, '\t', source, options);
    case 'jsonl':
      return readJsonLines(pieces, source, options);
    case 'text':
      return readLines(pieces, source, options);
  }
}

async function* readCsv(
  pieces: AsyncIterable<string>,
  delimiter: string,
  { path }: Source,
  options: ExampleOptions,
): AsyncGenerator<Example[], void, undefined> {
  let header: { width: number; text: number; label: number } | undefined;
  let row = 0;
  for await (const rows of parseCsv(pieces, delimiter, path)) {
    const first = header === undefined ? rows.shift() : undefined;
    if (first !== undefined) {
      const names = first.cells.map((name) => name.trim());
      header = {
        width: names.length,
        text: findColumn(names, options.text, path),
        label: options.label === undefined ? -1 : findColumn(names, options.label, path),
      };
    }
    if (header === undefined) continue;
    const { width, text, label } = header;
    yield rows.map(({ cells, line }) => {
      if (cells.length !== width) {
        throw new UserError(
          `${path}, line ${line}: expected ${width} cells as in the header, found ${cells.length}.`,
        );
      }
      row += 1;
      const place = { source: path, line, row };
      if (label < 0) return { text: cells[text]!, ...place };
      return { text: cells[text]!, label: named(cells[label]!, options.label!, place), ...place };
    });
  }
}

async function* readJsonLines(
  pieces: AsyncIterable<string>,
  { path }: Source,
  options: ExampleOptions,
): AsyncGenerator<Example[], void, undefined> {
  let row = 0;
  for await (const rows of parseJsonLines(pieces, path)) {
    yield rows.map(({ value, line }) => {
      row += 1;
      const place = { source: path, line, row };
      const text = requireField(value, options.text, place);
      if (typeof text !== 'string') {
        throw new UserError(
          `${path}, line ${line}: expected a string in the field ${JSON.stringify(options.text)}, found ${describe(text)}.`,
        );
      }
      if (options.label === undefined) return { text, ...place };
      const label = requireField(value, options.label, place);
      if (typeof label !== 'string' && typeof label !== 'number' && typeof label !== 'boolean') {
        throw new UserError(
          `${path}, line ${line}: expected a string, a number or a boolean as the class in the field ` +
            `${JSON.stringify(options.label)}, found ${describe(label)}.`,
        );
      }
      return { text, label: named(String(label), options.label, place), ...place };
    });
  }
}

async function* readLines(
  pieces: AsyncIterable<string>,
  { path }: Source,
  options: ExampleOptions,
): AsyncGenerator<Example[], void, undefined> {
  if (options.label !== undefined) {
    throw new UserError(
      `${path} is plain text, which has no labels: expected a CSV, TSV or JSONL file.`,
    );
  }
  let row = 0;
  for await (const lines of splitLines(pieces, path)) {
    yield lines.map(({ text, line }) => ({ text, source: path, line, row: ++row }));
  }
}

interface Place {
  readonly source: string;
  readonly line: number;
}

function named(label: string, column: string, { source, line }: Place): string {
  if (label.trim() !== '') return label;
  throw new UserError(
    `${source}, line ${line}: expected the name of a class in ${JSON.stringify(column)}, found nothing.`,
  );
}

function requireField(value: Record<string, unknown>, field: string, place: Place): unknown {
  const found = readField(value, field);
  if (found !== undefined) return found;
  const names = Object.keys(value);
  throw new UserError(
    `${place.source}, line ${place.line}: there is no field ${JSON.stringify(field)}${suggest(names, field)}; ` +
      `the object has ${names.length === 0 ? 'no fields' : listNames(names)}.`,
  );
}
