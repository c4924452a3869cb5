import type { ColumnKey } from '../columns.js';
import { findSource, isTwice, itemSources } from './json-source.js';
import { joinLabels } from '../label-sets.js';
import { isBlank, type Line, splitLines } from '../lines.js';
import { markNumber } from '../numbers.js';
import {
  columnKeys,
  explainNoLabel,
  type ParsedBatch,
  type ParsedRow,
  type RowOptions,
} from '../rows.js';
import type { Source } from '../../input/sources.js';
import { listNames, suggest } from '../../input/names.js';
import { isMarked, loneSurrogate } from '../../input/utf8.js';

/**
 * Reads JSON Lines: one object a line; blank lines are skipped.
 *
 * @param pieces The text of the source.
 */
export async function* readJsonRows(
  pieces: AsyncIterable<string>,
  source: Source,
  options: RowOptions,
): AsyncGenerator<ParsedBatch, void, undefined> {
  const { keep = false, labels, labelSeparator, decimalMark } = options;
  const fields = {
    ...{ text: String(options.text), labels, labelSeparator, decimalMark },
    label: options.label === undefined ? undefined : String(options.label),
  };
  for await (const { lines, linesDone } of splitLines(pieces, source)) {
    const rows: ParsedRow[] = [];
    for (const line of lines) {
      if (!isBlank(line.text)) rows.push(parseRow(line, fields, keep));
    }
    yield { rows, linesDone };
  }
}

/** The fields that are read. */
interface Fields extends Pick<RowOptions, 'labels' | 'labelSeparator' | 'decimalMark'> {
  readonly text: string;
  readonly label: string | undefined;
}

function parseRow({ text: raw, line }: Line, asked: Fields, keep: boolean): ParsedRow {
  const value = parseJson(raw);
  if (!keep) {
    const found = readRow(value, raw, asked);
    return typeof found === 'string' ? { line, reason: found, raw } : { line, ...found };
  }
  const found = readRow(value, raw, { ...asked, label: undefined });
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  const fields = isObject && { fields: { json: raw.trim() } };
  if (typeof found === 'string') return { line, reason: found, raw, ...fields };
  const labelled = asked.label === undefined ? found : readRow(value, raw, asked);
  return { line, ...(typeof labelled === 'string' ? found : labelled), ...fields };
}

/** Stands for what is no JSON. */
export const notJson = Symbol();

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return notJson;
    throw error;
  }
}

const anItemALine = 'write each of its items into a line of its own';

/** Why the value of a line is no object; undefined when it is one. */
export function explainNoObject(value: unknown, raw: string): string | undefined {
  if (value === notJson) {
    const start = raw.trimStart().charAt(0);
    if (start === '[')
      return `expected a JSON object, found the start of an array: ${anItemALine}.`;
    if (raw.trim() === '{')
      return 'expected a whole JSON object in the line, found the start of one.';
    return 'expected a JSON object, found text that is not valid JSON.';
  }
  if (Array.isArray(value) && value.some((item) => typeof item === 'object')) {
    return `expected a JSON object, found an array: ${anItemALine}.`;
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return undefined;
  return `expected a JSON object, found ${describe(value)}.`;
}

/** @returns A reason when the value has not what is asked for. */
function readRow(
  value: unknown,
  raw: string,
  asked: Fields,
): { text: string; label?: string; literals?: readonly string[] } | string {
  const { text: textField, label: labelField, labels, labelSeparator: separator } = asked;
  const odd = explainNoObject(value, raw);
  if (odd !== undefined) return odd;
  const object = value as object;
  const twice = [textField, labelField].find((name) => name !== undefined && isTwice(raw, name));
  if (twice !== undefined) return `the object has two fields ${JSON.stringify(twice)}.`;
  const text = readField(object, textField);
  const half = explainHalf(raw, textField, text);
  if (half !== undefined) return half;
  const keys = columnKeys(asked);
  if (text === undefined) return explainNoField(object, textField, keys.text);
  if (typeof text !== 'string') {
    return `expected a string in the field ${JSON.stringify(textField)}, found ${describe(text)}.`;
  }
  if (labelField === undefined) return { text };
  const label = readField(object, labelField);
  if (label === undefined) return explainNoField(object, labelField, keys.label);
  const halfLabel = explainHalf(raw, labelField, label);
  if (halfLabel !== undefined) return halfLabel;
  if (labels === 'text' && typeof label !== 'string') {
    return `expected a string in the field ${JSON.stringify(labelField)}, found ${describe(label)}.`;
  }
  if (separator !== undefined && (label === null || Array.isArray(label))) {
    const items = writeNumbers((label ?? []) as readonly unknown[], raw, labelField);
    const joined = joinLabels(items, separator);
    if ('cell' in joined) {
      const literals = items.flatMap((item, i) =>
        typeof (label as unknown[])[i] === 'string' ? [] : [String(item)],
      );
      return { text, label: joined.cell, ...(literals.length > 0 && { literals }) };
    }
    return `expected a list of labels in the field ${JSON.stringify(labelField)}, found in it ${joined.odd}.`;
  }
  if (typeof label !== 'string' && typeof label !== 'number' && typeof label !== 'boolean') {
    const ofClass = `a ${separator === undefined ? '' : 'list, a '}string, a number or a boolean as the ${separator === undefined ? 'class' : 'labels'}`;
    const expected = labels === 'number' ? 'a number' : ofClass;
    return `expected ${expected} in the field ${JSON.stringify(labelField)}, found ${describe(label)}.`;
  }
  // As it is written: a number may have more digits than it keeps.
  const source = (typeof label === 'number' && findSource(raw, labelField)) || String(label);
  const name = typeof label === 'number' ? markNumber(source, asked.decimalMark) : source;
  const isClass = labels !== 'number' && typeof label !== 'string';
  const found = isClass ? { text, label: name, literals: [name] } : { text, label: name };
  return explainNoLabel(name, asked) ?? found;
}

/** An escape that may be half of a character. */
const surrogate = /\\u[dD][89a-fA-F]/;

/**
 * Why a field's value, or an item of it, is no text: an escape can write half of a character, which no encoding can. Undefined
 * where it is whole.
 *
 * @param raw the object as it is written
 */
export function explainHalf(raw: string, field: string, value: unknown): string | undefined {
  // Marks of bytes that are no text are looked for by whoever knows the encoding.
  if (!raw.includes('\\u') || !surrogate.test(raw) || isMarked(raw)) return undefined;
  const items: readonly unknown[] = Array.isArray(value) ? value : [value];
  const odd = items.find((item) => typeof item === 'string' && isMarked(item)) as
    string | undefined;
  if (odd === undefined) return undefined;
  const half = odd.charCodeAt(odd.search(loneSurrogate)).toString(16);
  return `expected whole characters in the field ${JSON.stringify(field)}, found half of one: \\u${half}.`;
}

/** Items with numbers as they are written. */
function writeNumbers(items: readonly unknown[], raw: string, field: string): readonly unknown[] {
  if (!items.some((item) => typeof item === 'number')) return items;
  const written = itemSources(findSource(raw, field)!);
  return items.map((item, i) => (typeof item === 'number' ? written[i] : item));
}

/**
 * The value of a field, or of a path of fields and places in arrays, from 0, joined by dots when no
 * field has the whole name.
 *
 * @returns undefined where there is none.
 */
export function readField(value: object, path: string): unknown {
  if (Object.hasOwn(value, path)) return (value as Record<string, unknown>)[path];
  let found: unknown = value;
  for (const key of path.split('.')) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, key)) return undefined;
    if (Array.isArray(found) && key === 'length') return undefined;
    found = (found as Record<string, unknown>)[key];
  }
  return found;
}

export function explainNoField(value: object, field: string, key: ColumnKey): string {
  const names = Object.keys(value);
  return (
    `there is no field ${JSON.stringify(field)}${suggest(names, field)}; ` +
    `the object has ${names.length === 0 ? 'no fields' : listNames(names)}: set ${key} to the one that is meant.`
  );
}

/** What a JSON value is, in words for a message. */
export function describe(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
