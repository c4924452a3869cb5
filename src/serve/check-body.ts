import type { JsonSchema } from './schemas.js';

/** A schema, as far as bodies of requests are described. */
interface BodySchema {
  readonly type?: 'object' | 'array' | 'string' | 'number' | 'integer';
  readonly properties?: Readonly<Record<string, BodySchema>>;
  readonly required?: readonly string[];
  readonly items?: BodySchema;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
}

/**
 * What is wrong with a request's body, in a sentence: `texts[3]: expected a text, got 5`. Knows what schemas.ts makes, and no more:
 * a validator of everything takes longer to load than the model that it stands before.
 *
 * @returns undefined where nothing is
 */
export function findFault(schema: JsonSchema, body: unknown): string | undefined {
  return check(schema, body, '');
}

function check(schema: BodySchema, value: unknown, place: string): string | undefined {
  const within = place === '' ? '' : `${place}: `;
  const { type } = schema;
  if (type !== undefined && !isOfType[type](value)) {
    return `${within}expected ${typeNames[type]}, got ${show(value)}`;
  }
  if (Array.isArray(value)) return checkList(schema, value, place);
  if (typeof value === 'object' && value !== null) return checkObject(schema, value, place);
  if (typeof value === 'string') {
    const { maxLength = Infinity } = schema;
    // In UTF-16 a character may be two.
    if (value.length <= maxLength || Array.from(value).length <= maxLength) return undefined;
    return `${within}expected at most ${maxLength} characters`;
  }
  if (typeof value === 'number') {
    const { minimum = -Infinity, maximum = Infinity } = schema;
    if (value < minimum) return `${within}expected a number >= ${minimum}, got ${show(value)}`;
    if (value > maximum) return `${within}expected a number <= ${maximum}, got ${show(value)}`;
  }
  return undefined;
}

function checkList(
  { items = {}, minItems = 0, maxItems = Infinity }: BodySchema,
  list: readonly unknown[],
  place: string,
): string | undefined {
  const within = place === '' ? '' : `${place}: `;
  if (list.length > maxItems) return `${within}expected at most ${maxItems}, got ${list.length}`;
  if (list.length < minItems) return `${within}expected at least ${minItems}, got ${list.length}`;
  for (let i = 0; i < list.length; i++) {
    const fault = check(items, list[i], `${place}[${i}]`);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

function checkObject(
  { properties, required = [] }: BodySchema,
  object: object,
  place: string,
): string | undefined {
  if (properties === undefined) return undefined;
  const within = place === '' ? '' : `${place}: `;
  const missing = required.find((name) => !Object.hasOwn(object, name));
  if (missing !== undefined) return `${within}${missing}: missing`;
  for (const [name, value] of Object.entries(object)) {
    if (!Object.hasOwn(properties, name)) return `${within}${name}: unknown key`;
    const fault = check(properties[name]!, value, place === '' ? name : `${place}.${name}`);
    if (fault !== undefined) return fault;
  }
  return undefined;
}

const isOfType = {
  object: (value: unknown) => typeof value === 'object' && value !== null && !Array.isArray(value),
  array: (value: unknown) => Array.isArray(value),
  string: (value: unknown) => typeof value === 'string',
  number: (value: unknown) => Number.isFinite(value),
  integer: (value: unknown) => Number.isInteger(value),
};

const typeNames = {
  object: 'an object',
  array: 'a list',
  string: 'a text',
  number: 'a number',
  integer: 'a whole number',
};

function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  const shown = JSON.stringify(value);
  return shown.length > 60 ? `${shown.slice(0, 57)}...` : shown;
}
