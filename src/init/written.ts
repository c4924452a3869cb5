/** A config as text: keys in their order, each with the reason for its value. */

export type Value = string | number | boolean | null;

/** A key with what is written behind it, as YAML, and why; or a group of keys, or a list with a line for each item. */
export type Entry = readonly [
  key: string,
  value: string | readonly Entry[] | List,
  comment?: string,
];

interface List {
  readonly items: readonly (readonly [item: string, comment?: string])[];
}

/** A text, name or path as YAML. */
export function quote(value: Value): string {
  if (typeof value !== 'string') return String(value);
  const isPlain =
    /^[A-Za-z_./][\w./-]*( [\w./-]+)*$/.test(value) &&
    !/^(true|false|null|yes|no|on|off|y|n|~|\.inf|\.nan|[-+.]?\d.*)$/i.test(value);
  if (isPlain) return value;
  // Single quotation marks need no escapes; what they cannot hold has its own in double ones.
  return /^[\x20-\x26\x28-\x5b\x5d-\x7e]*$/.test(value) ? `'${value}'` : JSON.stringify(value);
}

/** `{ kind: lstm, hiddenSize: 64 }` */
export function flow(fields: Readonly<Record<string, Value>>): string {
  const parts = Object.entries(fields).map(([key, value]) => `${key}: ${quote(value)}`);
  return `{ ${parts.join(', ')} }`;
}

/** Entries as lines; a comment stands behind what it is about, or above where there is no room. */
export function writeEntries(entries: readonly Entry[], depth = 0): string[] {
  const indent = '  '.repeat(depth);
  return entries.flatMap(([key, value, comment]) => {
    if (typeof value === 'string') return explain(indent, `${key}: ${value}`, comment);
    const inner =
      'items' in value
        ? value.items.flatMap(([item, why]) => explain(`${indent}  `, `- ${item}`, why))
        : writeEntries(value, depth + 1);
    return [...explain(indent, `${key}:`, comment), ...inner];
  });
}

/** Characters of a line that are read with ease. */
const WIDTH = 100;

function explain(indent: string, line: string, comment: string | undefined): string[] {
  if (comment === undefined) return [indent + line];
  const all = `${indent}${line} # ${comment}`;
  return all.length <= WIDTH ? [all] : [`${indent}# ${comment}`, indent + line];
}
