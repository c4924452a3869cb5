/** The members of a JSON object as they are written, for values that JavaScript would change. */

/**
 * Cuts a JSON object into its members, each value as the text that stands there.
 *
 * @param json An object, which is known to be JSON.
 */
export function readMembers(json: string): [name: string, value: string][] {
  const members: [string, string][] = [];
  let at = json.indexOf('{') + 1;
  for (;;) {
    const open = json.indexOf('"', at);
    if (open < 0) return members;
    const close = skipString(json, open);
    const start = json.indexOf(':', close) + 1;
    const end = skipValue(json, start);
    members.push([JSON.parse(json.slice(open, close)) as string, json.slice(start, end).trim()]);
    if (json[end] !== ',') return members;
    at = end + 1;
  }
}

/** The end of the string that begins at `open`. */
function skipString(json: string, open: number): number {
  for (let at = open + 1; ; at++) {
    if (json[at] === '\\') at++;
    else if (json[at] === '"') return at + 1;
  }
}

/** The comma or bracket behind the value that begins at `start`. */
function skipValue(json: string, start: number): number {
  let depth = 0;
  for (let at = start; ; at++) {
    const character = json[at]!;
    if (character === '"') at = skipString(json, at) - 1;
    else if (character === '{' || character === '[') depth++;
    else if (depth === 0 && (character === ',' || character === '}')) return at;
    else if (character === '}' || character === ']') depth--;
  }
}

/** The text of a JSON value: of a string what it says, of nothing none, else as it is written. */
export function textOfValue(value: string): string {
  if (value.startsWith('"')) return JSON.parse(value) as string;
  return value === 'null' ? '' : value;
}
