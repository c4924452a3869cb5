import type { SchemaNode } from './json-schema.js';

/** Puts in words what the schema asks for: "a whole number above 0", `"pre" or "post"`. */

/** A key's place: names of groups and indices of lists, outermost first. */
export type KeyPath = readonly (string | number)[];

/** The path as `--set` takes it: `model.layers.0.hiddenSize`; unlikely names in quotation marks. */
export function formatPath(path: KeyPath): string {
  return path
    .map((part) => (/^[\w-]+$/.test(String(part)) ? String(part) : JSON.stringify(part)))
    .join('.');
}

/** The value at `path` inside nested groups and lists; undefined where there is none. */
export function valueAt(value: unknown, path: KeyPath): unknown {
  let at = value;
  for (const part of path) {
    if (typeof at !== 'object' || at === null || !Object.hasOwn(at, part)) return undefined;
    at = (at as Record<string | number, unknown>)[part];
  }
  return at;
}

/**
 * The schema of the key at `path`. Where variants exist, `value` (the whole configuration) tells
 * which one is meant. Undefined for unknown keys.
 */
export function schemaAt(root: SchemaNode, path: KeyPath, value: unknown): SchemaNode | undefined {
  let node = chooseVariant(root, value);
  for (const [depth, part] of path.entries()) {
    const inside = listAlternatives(node);
    const next =
      typeof part === 'number'
        ? inside.find(({ items }) => items !== undefined)?.items
        : (inside.find(({ properties }) => properties?.[part] !== undefined)?.properties?.[part] ??
          inside.map(freeKeys).find((schema) => schema !== undefined));
    if (next === undefined) return undefined;
    node = chooseVariant(next, valueAt(value, path.slice(0, depth + 1)));
  }
  return node;
}

/** What stands behind keys that a group takes whatever their names; undefined where it takes none. */
function freeKeys({ additionalProperties }: SchemaNode): SchemaNode | undefined {
  return additionalProperties || undefined;
}

function chooseVariant(node: SchemaNode, value: unknown): SchemaNode {
  // One of several alternatives may have variants itself.
  if (node.anyOf) return { ...node, anyOf: node.anyOf.map((each) => chooseVariant(each, value)) };
  const variants = node.oneOf;
  if (variants === undefined) return node;
  const kind = valueAt(value, ['kind']);
  if (kind === undefined) {
    const named = chooseByCell(variants, valueAt(value, ['cell']));
    if (named !== undefined) return named;
  }
  const chosen = variants.find(({ properties }) =>
    kind === undefined
      ? properties?.['kind']?.default !== undefined
      : properties?.['kind']?.const === kind,
  );
  if (chosen !== undefined) return chosen;
  // No variant fits: all that is known is which kinds there are.
  const kinds = variants.map((variant) => variant.properties?.['kind']?.const);
  return { type: 'object', properties: { kind: { enum: kinds } } };
}

/** The variant that `cell`, another word for its kind, names, with that in the place of the kind. */
function chooseByCell(variants: readonly SchemaNode[], cell: unknown): SchemaNode | undefined {
  const isCell = variants.some(({ properties }) => properties?.['cell']?.enum?.includes(cell));
  const chosen = variants.find(({ properties }) => properties?.['kind']?.const === cell);
  if (!isCell || chosen === undefined) return undefined;
  const { kind, ...rest } = chosen.properties!;
  return { ...chosen, properties: { cell: kind!, ...rest } };
}

/** What a value must be, as the end of the sentence "expected …". */
export function describeSchema(node: SchemaNode): string {
  if (node.const !== undefined) return JSON.stringify(node.const);
  if (node.enum !== undefined) return joinWords(node.enum.map((value) => JSON.stringify(value)));
  if (node.anyOf !== undefined) return joinWords(listAlternatives(node).map(describeSchema));
  switch (node.type) {
    case 'integer':
      return `a whole number${describeRange(node)}`;
    case 'number':
      return `a number${describeRange(node)}`;
    case 'string':
      return node.minLength === undefined ? 'text' : 'non-empty text';
    case 'boolean':
      return 'true or false';
    case 'null':
      return 'null';
    case 'array':
      return `a list of ${node.minItems === undefined ? '' : 'one or more '}${joinWords(Array.from(new Set(listAlternatives(node.items ?? {}).map(describeItems))))}`;
    default: {
      const free = freeKeys(node);
      if (free !== undefined) return `names with ${describeSchema(free)} each`;
      return `a group of keys (${Object.keys(node.properties ?? {}).join(', ')})`;
    }
  }
}

function describeItems(node: SchemaNode): string {
  if (node.type === 'object' || node.oneOf) return 'groups of keys';
  return node.type === 'integer' || node.type === 'number' ? 'numbers' : 'texts';
}

/** A schema's alternatives; itself where there are none. */
export function listAlternatives(node: SchemaNode): SchemaNode[] {
  return node.anyOf?.flatMap(listAlternatives) ?? [node];
}

function describeRange(node: SchemaNode): string {
  const { minimum, exclusiveMinimum, exclusiveMaximum } = node;
  // Whole numbers are always held to what a double represents exactly; that is no news to anyone.
  const maximum = node.maximum === Number.MAX_SAFE_INTEGER ? undefined : node.maximum;
  if (minimum !== undefined && maximum !== undefined) return ` from ${minimum} to ${maximum}`;
  const bounds = [
    minimum === undefined ? '' : `of at least ${minimum}`,
    exclusiveMinimum === undefined ? '' : `above ${exclusiveMinimum}`,
    maximum === undefined ? '' : `at most ${maximum}`,
    exclusiveMaximum === undefined ? '' : `below ${exclusiveMaximum}`,
  ].filter((bound) => bound !== '');
  return bounds.length === 0 ? '' : ` ${bounds.join(' and ')}`;
}

/** "a", "a or b", "a, b or c". */
export function joinWords(words: readonly string[]): string {
  if (words.length < 2) return words.join('');
  return `${words.slice(0, -1).join(', ')} or ${words.at(-1)!}`;
}

/** A value as it stands in a message: short, and never a whole tree. */
export function describeValue(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object' && value !== null) return 'a group of keys';
  if (typeof value === 'function') return 'a function';
  if (typeof value === 'symbol') return 'a symbol';
  // Of so many digits the last ones are no longer those that were written.
  if (typeof value === 'number' && Number.isInteger(value) && !Number.isSafeInteger(value)) {
    return `about ${value.toPrecision(3)}`;
  }
  const text =
    typeof value === 'string' ? JSON.stringify(value) : `${value as number | boolean | bigint}`;
  return text.length <= 60 ? text : `${text.slice(0, 57)}…`;
}
