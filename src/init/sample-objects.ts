import { readBatches } from '../data/formats/examples.js';
import { ParquetFile } from '../data/formats/parquet/parquet.js';
import { chooseText, isText } from '../data/formats/parquet/parquet-text.js';
import type { Source } from '../data/input/sources.js';
import { UserError } from '../errors.js';
import { isCut, type ReadContent, type Reading, type SampledColumn } from './reading.js';

/** The first objects of JSON Lines, or rows of a Parquet file, as columns. */

type Fields = Record<string, unknown>;

export async function readObjects({ pieces, mostRows }: Reading): Promise<ReadContent> {
  const objects: Fields[] = [];
  let faulty = 0;
  let rest = '';
  let isWhole = true;
  const take = (line: string): void => {
    if (line.trim() === '') return;
    const object = parseObject(line);
    if (object === undefined) faulty++;
    else objects.push(object);
  };
  for await (const piece of pieces) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop()!;
    lines.forEach(take);
    if (objects.length <= mostRows) continue;
    isWhole = false;
    break;
  }
  if (isWhole && !isCut(pieces)) take(rest);
  return {
    content: { kind: 'table', columns: listFields(objects), faulty },
    rows: objects.length,
    isWhole: isWhole && !isCut(pieces),
  };
}

/** @throws UserError where no column holds texts */
export async function readParquet(
  source: Source,
  mostRows: number,
): Promise<Omit<ReadContent, 'isWhole'> & { allRows: number }> {
  const file = await ParquetFile.open(source.path);
  let allRows = 0;
  let text: string | undefined;
  try {
    for (let group = 0; group < file.groups; group++) allRows += file.rowsOf(group);
    const decoding = { isMalformed: false };
    const readable = file.plainColumns.filter(
      ({ element }) => isText(element) && chooseText(element, decoding),
    );
    text = readable[0]?.path.join('.');
  } finally {
    await file.close();
  }
  if (text === undefined) {
    throw new UserError(`${source.path}: expected a column of strings to learn from, found none`);
  }
  const objects: Fields[] = [];
  const options = { text, format: 'parquet', keep: true, onBadRow: 'skip' } as const;
  for await (const { rows, bad } of readBatches([source.path], options)) {
    for (const { fields } of [...rows, ...bad]) {
      if (fields !== undefined && 'json' in fields) objects.push(parseObject(fields.json) ?? {});
    }
    if (objects.length >= mostRows) break;
  }
  if (objects.length === 0) {
    throw new UserError(`${source.path}: expected rows to look at, found none`);
  }
  return {
    content: { kind: 'table', columns: listFields(objects), faulty: 0 },
    rows: objects.length,
    allRows,
  };
}

function parseObject(line: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(line);
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
    return isObject ? (value as Fields) : undefined;
  } catch {
    // What is no JSON is a row that cannot be used, and counted as such.
    return undefined;
  }
}

/** Fields of most objects that hold texts, numbers or lists of texts; those within a field by a path with dots. */
function listFields(objects: readonly Fields[]): SampledColumn[] {
  const names = new Set<string>();
  for (const object of objects.slice(0, 1000)) {
    for (const [key, value] of Object.entries(object)) {
      if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
        for (const inner of Object.keys(value)) names.add(`${key}.${inner}`);
      } else names.add(key);
    }
  }
  // A field without a name cannot be named.
  names.delete('');
  return Array.from(names).map((name) => {
    const values = objects.map((object) => fieldOf(object, name));
    const isList = values.some(Array.isArray) && values.every((v) => v === undefined || isTexts(v));
    const texts = values.map((value) => textOf(value));
    return {
      name,
      values: texts,
      areNumbers: values.every((value) => value === undefined || typeof value === 'number'),
      ...(isList && { lists: values.map((v) => (v ?? []) as string[]) }),
    };
  });
}

function fieldOf(object: Fields, name: string): unknown {
  if (Object.hasOwn(object, name)) return object[name] ?? undefined;
  const [outer = '', ...inner] = name.split('.');
  const value = object[outer];
  const isObject = typeof value === 'object' && value !== null;
  return isObject ? ((value as Fields)[inner.join('.')] ?? undefined) : undefined;
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((each) => typeof each === 'string');
}

function textOf(value: unknown): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  return isTexts(value) ? (value as string[]).join(' ') : '';
}
