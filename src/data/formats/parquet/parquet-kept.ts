import { UserError } from '../../../errors.js';
import type { BytesObserver } from '../../input/source-text.js';
import { type Decoding, dropMarks } from '../../input/utf8.js';
import { ColumnReader } from './column-reader.js';
import type { ParquetFile } from './parquet.js';
import { ListWriter } from './parquet-lists.js';
import type { ParquetNode } from './parquet-schema.js';
import { chooseText, isNumber, isText, type ToText } from './parquet-text.js';

/** All that the rows of a Parquet file hold, as JSON. */

export interface KeptColumn {
  /** The path through structs, joined by dots. */
  readonly name: string;
  /** The rows' values as JSON, those of a page at a time. */
  readonly read: (
    group: number,
    observe?: BytesObserver,
  ) => AsyncGenerator<string[], void, undefined>;
}

/**
 * The columns in the file's order: structs by their members, lists and maps each as a whole.
 *
 * @throws UserError when two have one name.
 */
export function listKept(file: ParquetFile, decoding: Decoding): KeptColumn[] {
  const textOf = ({ element }: ParquetNode): ToText => chooseText(element, decoding) ?? writeBase64;
  const visit = (node: ParquetNode): KeptColumn[] => {
    const name = node.path.join('.');
    if (isList(node)) {
      const writer = new ListWriter(node, formatValue);
      return [
        { name, read: (group, observe) => readLists(file, group, node, writer, textOf, observe) },
      ];
    }
    if (node.children.length > 0) return node.children.flatMap(visit);
    return [{ name, read: (group, observe) => readValues(file, group, node, textOf, observe) }];
  };
  const columns = file.schema.flatMap(visit);
  const names = columns.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) < i);
  if (twice !== undefined) {
    throw new UserError(
      `${file.path} has two columns ${JSON.stringify(twice)}, as paths are joined by dots: expected different names, so that both can be kept.`,
    );
  }
  return columns;
}

/** The column of this name that holds lists of strings; undefined where there is none. */
export function findStringLists(
  file: ParquetFile,
  name: string,
  decoding: Decoding,
): KeptColumn | undefined {
  const visit = (node: ParquetNode): ParquetNode[] =>
    node.path.join('.') === name || isList(node) ? [node] : node.children.flatMap(visit);
  const node = file.schema.flatMap(visit).find(({ path }) => path.join('.') === name);
  if (node === undefined || !isList(node)) return undefined;
  // Bytes that are no text are marked as such, for whoever refuses the row.
  const writer = new ListWriter(node, (_, text) => JSON.stringify(text));
  const [leaf, other] = writer.leaves;
  const isOfStrings = other === undefined && leaf!.maxRepetition === 1 && isText(leaf!.element);
  if (!isOfStrings) return undefined;
  const textOf = ({ element }: ParquetNode): ToText => chooseText(element, decoding)!;
  return { name, read: (group, observe) => readLists(file, group, node, writer, textOf, observe) };
}

/** A row as the text of a JSON object. */
export function formatObject(
  columns: readonly KeptColumn[],
  valueOf: (column: number) => string,
): string {
  return `{${columns.map(({ name }, i) => `${JSON.stringify(name)}:${valueOf(i)}`).join(',')}}`;
}

/** Whether a node is a list or a map: repeated itself, or around a repeated one alone. */
function isList({ element, children }: ParquetNode): boolean {
  const isGroup = ['LIST', 'MAP', 'MAP_KEY_VALUE'].includes(
    element.logical_type?.type ?? element.converted_type ?? '',
  );
  return element.repetition_type === 'REPEATED' || (isGroup && children.length > 0);
}

type TextOf = (column: ParquetNode) => ToText;

async function* readValues(
  file: ParquetFile,
  group: number,
  column: ParquetNode,
  textOf: TextOf,
  observe?: BytesObserver,
): AsyncGenerator<string[], void, undefined> {
  for await (const texts of file.readColumn(group, column, textOf(column), observe)) {
    yield texts.map((text) => formatValue(column, text));
  }
}

const rowsAtOnce = 256;

async function* readLists(
  file: ParquetFile,
  group: number,
  node: ParquetNode,
  writer: ListWriter,
  textOf: TextOf,
  observe?: BytesObserver,
): AsyncGenerator<string[], void, undefined> {
  const columns = writer.leaves.map(
    (leaf) => new ColumnReader(file.readLists(group, leaf, textOf(leaf), observe)),
  );
  try {
    for (let left = file.rowsOf(group); left > 0; left -= rowsAtOnce) {
      const count = Math.min(left, rowsAtOnce);
      const entries: Awaited<ReturnType<(typeof columns)[number]['take']>>[] = [];
      for (const column of columns) entries.push(await column.take(count));
      yield Array.from({ length: count }, (_, row) =>
        writer.write(entries.map((own) => own[row]!)),
      );
    }
  } catch (error) {
    throw file.explainDamage(error, group, node);
  } finally {
    for (const column of columns) await column.close();
  }
}

/** A value as JSON; numbers of any size with all their digits. */
function formatValue({ element }: ParquetNode, text: string | null): string {
  if (text === null) return 'null';
  const isPlain = element.type === 'BOOLEAN' || (isNumber(element) && /\d/.test(text));
  return isPlain ? text : JSON.stringify(dropMarks(text));
}

function writeBase64(value: unknown): string {
  return Buffer.from(value as Uint8Array).toString('base64');
}
