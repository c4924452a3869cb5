import { UserError } from '../errors.js';

/** JSON Lines: one object a line. */

export interface JsonRow {
  readonly value: Record<string, unknown>;
  /** Line of the file, from 1. */
  readonly line: number;
}

export interface Line {
  readonly text: string;
  readonly line: number;
}

const longestLine = 1 << 26;

/**
 * Cuts text that arrives in pieces into lines, a batch for each piece, without their ends (`\n` or
 * `\r\n`); lines of white space alone are skipped. (Node's readline also cuts at U+2028, which may
 * stand inside a JSON string.)
 */
export async function* splitLines(
  pieces: AsyncIterable<string>,
  name: string,
): AsyncGenerator<Line[], void, undefined> {
  let rest = '';
  let line = 1;
  for await (const piece of pieces) {
    rest += piece;
    if (piece.includes('\n')) {
      const texts = rest.split('\n');
      rest = texts.pop()!;
      yield number(texts, line);
      line += texts.length;
    }
    if (rest.length > longestLine) {
      throw new UserError(
        `${name}, line ${line}: this line is longer than ${longestLine} characters.`,
      );
    }
  }
  yield number([rest], line);
}

function number(texts: string[], from: number): Line[] {
  return texts
    .map((text, i) => ({ text: text.endsWith('\r') ? text.slice(0, -1) : text, line: from + i }))
    .filter(({ text }) => text.trim() !== '');
}

/**
 * Parses JSON Lines, a batch for each piece of text.
 *
 * @throws UserError that names file and line of a line that is no JSON object.
 */
export async function* parseJsonLines(
  pieces: AsyncIterable<string>,
  name: string,
): AsyncGenerator<JsonRow[], void, undefined> {
  for await (const lines of splitLines(pieces, name)) {
    yield lines.map(({ text, line }) => ({ value: parseObject(text, name, line), line }));
  }
}

function parseObject(text: string, name: string, line: number): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UserError(`${name}, line ${line}: expected a JSON object, found text that is not valid JSON.`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new UserError(`${name}, line ${line}: expected a JSON object, found ${describe(value)}.`);
  }
  return value as Record<string, unknown>;
}

/**
 * The value of a field, or of a path of fields joined by dots when no field has the whole name.
 *
 * @returns undefined where there is none.
 */
export function readField(value: Record<string, unknown>, path: string): unknown {
  if (Object.hasOwn(value, path)) return value[path];
  let found: unknown = value;
  for (const key of path.split('.')) {
    if (typeof found !== 'object' || found === null || !Object.hasOwn(found, key)) return undefined;
    found = (found as Record<string, unknown>)[key];
  }
  return found;
}

/** What a JSON value is, in words for a message. */
export function describe(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}
