import { formatPath, type KeyPath, listAlternatives, schemaAt } from './expectation.js';
import { configJsonSchema, type SchemaNode } from './json-schema.js';
import { findNearest } from './nearest.js';

/** What is meant by a key that there is none of. */

/** @param group where it stands, in the configuration `value` */
export function describeUnknownKey(group: KeyPath, key: string, value: unknown): string {
  const schema = schemaAt(configJsonSchema(), group, value) ?? {};
  const siblings = listAlternatives(schema).flatMap(({ properties = {} }) =>
    Object.keys(properties),
  );
  const near = findNearest(key, siblings);
  if (near !== undefined) return `unknown key; did you mean ${formatPath([...group, near])}?`;
  const elsewhere = findElsewhere(group, key);
  if (elsewhere !== undefined) return `unknown key; did you mean ${formatPath(elsewhere)}?`;
  return `unknown key; expected one of ${siblings.join(', ')}`;
}

/**
 * Where a key stands that a group has not: nearest to it, and not in a corner of which this group is no part, where the same
 * word means something else.
 */
function findElsewhere(group: KeyPath, key: string): KeyPath | undefined {
  const shared = (path: KeyPath): number => {
    const end = path.findIndex((part, depth) => part !== group[depth]);
    return end < 0 ? path.length : end;
  };
  const named = listKeys(configJsonSchema()).filter(({ path }) => path.at(-1) === key);
  const isHere = (path: KeyPath): boolean => formatPath(path) === formatPath([...group, key]);
  // A key of another variant of the same group, be that there twice.
  const own = new Set(named.flatMap(({ path, among }) => (isHere(path) ? [among] : [])));
  const found = named
    .filter(({ path, among }) => !own.has(among) && (group.length < 2 || shared(path) > 0))
    .map(({ path }) => path);
  return found.sort((a, b) => shared(b) - shared(a))[0];
}

interface ListedKey {
  readonly path: readonly string[];
  /** The keys that it stands among. */
  readonly among: object;
}

/** Every key of the schema, outer ones before inner ones. */
function listKeys(node: SchemaNode, path: string[] = [], seen = new Set<object>()): ListedKey[] {
  // What may lie within itself is listed once.
  if (seen.has(node)) return [];
  const within = new Set([...seen, node]);
  const variants = [node, ...(node.oneOf ?? [])];
  return variants.flatMap(({ properties = {} }) =>
    Object.entries(properties).flatMap(([key, child]) => [
      { path: [...path, key], among: properties },
      ...listKeys(child, [...path, key], within),
    ]),
  );
}
