import {
  describe,
  explainHalf,
  explainNoField,
  explainNoObject,
  parseJson,
  readField,
} from '../json/jsonl.js';
import { type ColumnKey, refuseSameColumn } from '../columns.js';
import { isTwice } from '../json/json-source.js';
import { isBlank, type Line, splitLines } from '../lines.js';
import { columnKeys, type ParsedBatch, type ParsedRow, type RowOptions } from '../rows.js';
import { nameSource, type Source } from '../../input/sources.js';
import { joinTokens, tokenEnd } from './tokens.js';
import { counted } from '../../../system/counted.js';

/** The fields' usual names, where a config says nothing of them: see data-schema.ts. */
const usual = { text: 'tokens', label: 'tags' };

/**
 * Reads JSON Lines whose objects have a list of tokens and a list of tags: `{"tokens": ["a", "b"], "tags": ["O", "O"]}`.
 *
 * @param pieces The text of the source.
 */
export async function* readTaggedJson(
  pieces: AsyncIterable<string>,
  source: Source,
  options: RowOptions,
): AsyncGenerator<ParsedBatch, void, undefined> {
  for await (const { lines, linesDone } of splitLines(pieces, source)) {
    const rows: ParsedRow[] = [];
    for (const line of lines) if (!isBlank(line.text)) rows.push(parseRow(line, source, options));
    yield { rows, linesDone };
  }
}

function parseRow({ text: raw, line }: Line, source: Source, options: RowOptions): ParsedRow {
  const value = parseJson(raw);
  const noObject = explainNoObject(value, raw);
  const keeps = options.keep === true && noObject === undefined;
  const json = raw.trim();
  if (noObject === undefined) checkApart(value as object, source, options);
  const found = noObject ?? readTokens(value as object, raw, options);
  if (typeof found === 'string') {
    return { line, reason: found, raw, ...(keeps && { fields: { json } }) };
  }
  const beside = keeps && fieldsBeside(value as object, options);
  return { line, ...found, ...(beside && { fields: { json, beside } }) };
}

/** @throws UserError where tokens and tags are one list, which each of them may have its usual name for. */
function checkApart(value: object, source: Source, options: RowOptions): void {
  const { text, label, mayLackLabel = false } = options;
  if (label === undefined || mayLackLabel) return;
  if (nameOf(value, String(text), 'text') !== nameOf(value, String(label), 'label')) return;
  refuseSameColumn(nameSource(source.path), columnKeys(options), label);
}

/** @returns A reason when the object has not what is asked for. */
function readTokens(
  value: object,
  raw: string,
  { text, label, columns = [], mayLackLabel = false, keep = false }: RowOptions,
): { text: string; label?: string; columns?: readonly string[] } | string {
  const tokens = readList(value, raw, nameOf(value, String(text), 'text'), 'data.text', 'tokens');
  if (typeof tokens === 'string') return tokens;
  // Nothing is learned of nothing, but whoever hands rows on has them all.
  if (tokens.length === 0 && !keep) return 'expected at least one token, found none.';
  const beside: string[] = [];
  for (const column of columns) {
    const texts = readList(value, raw, String(column), 'model.features', 'texts');
    if (typeof texts === 'string') return texts;
    if (texts.length !== tokens.length) {
      return `expected a text for each of ${counted(tokens.length, 'token')} in the field ${JSON.stringify(column)}, found ${texts.length}.`;
    }
    beside.push(joinTokens(texts));
  }
  const row = { text: joinTokens(tokens), ...(beside.length > 0 && { columns: beside }) };
  if (label === undefined) return row;
  const field = nameOf(value, String(label), 'label');
  if (mayLackLabel && field === nameOf(value, String(text), 'text')) return row;
  if (mayLackLabel && readField(value, field) === undefined) return row;
  const tags = readList(value, raw, field, 'data.label', 'tags');
  if (typeof tags === 'string') return tags;
  if (tags.length !== tokens.length) {
    return `expected a tag for each of ${counted(tokens.length, 'token')}, found ${counted(tags.length, 'tag')}.`;
  }
  return { ...row, label: joinTokens(tags) };
}

/** A list of texts without line ends; a reason where there is none. */
function readList(
  value: object,
  raw: string,
  field: string,
  key: ColumnKey,
  what: string,
): string[] | string {
  if (isTwice(raw, field)) return `the object has two fields ${JSON.stringify(field)}.`;
  const list = readField(value, field);
  if (list === undefined) return explainNoField(value, field, key);
  const where = `the field ${JSON.stringify(field)}`;
  if (!Array.isArray(list)) {
    return `expected a list of texts in ${where}, found ${describe(list)}.`;
  }
  const items: readonly unknown[] = list;
  const odd = items.findIndex((item) => typeof item !== 'string');
  if (odd >= 0) {
    return `expected a list of texts in ${where}, found ${describe(items[odd])} at place ${odd + 1}.`;
  }
  const half = explainHalf(raw, field, items);
  if (half !== undefined) return half;
  const texts = items as readonly string[];
  const empty = texts.findIndex((item) => isBlank(item) || item.includes(tokenEnd));
  if (empty < 0) return [...texts];
  const found = isBlank(texts[empty]!) ? 'none' : 'a line end in one';
  return `expected ${what} of characters in ${where}, found ${found} at place ${empty + 1}.`;
}

/** The fields of an object that its row is not made of. */
function fieldsBeside(value: object, { text, label, columns = [] }: RowOptions): string[] {
  const read = [
    nameOf(value, String(text), 'text'),
    ...(label === undefined ? [] : [nameOf(value, String(label), 'label')]),
    ...columns.map(String),
  ];
  // A path reads what is within the field that it begins with.
  return Object.keys(value).filter(
    (name) => !read.some((each) => each === name || each.startsWith(`${name}.`)),
  );
}

/** A field as it is named, or by its usual name where nothing else is said. */
function nameOf(value: object, given: string, key: 'text' | 'label'): string {
  const isSaid = given !== key || (Object.hasOwn(value, key) && !Object.hasOwn(value, usual[key]));
  return isSaid ? given : usual[key];
}
