/**
 * Where values stand in the text of an object of JSON. `JSON.parse` makes one number of several
 * that are written differently, and keeps the last of two members of one name.
 */

/** All values of a member of the object that begins at `at`, as [start, end]. */
function findMembers(json: string, at: number, name: string): [number, number][] {
  const found: [number, number][] = [];
  for (let next = skipSpace(json, at + 1); json[next] === '"';) {
    const nameEnd = skipString(json, next);
    const start = skipSpace(json, skipSpace(json, nameEnd) + 1);
    const end = skipValue(json, start);
    if (JSON.parse(json.slice(next, nameEnd)) === name) found.push([start, end]);
    next = skipSpace(json, end);
    if (json[next] === ',') next = skipSpace(json, next + 1);
  }
  return found;
}

/** The values in an array that begins at `at`. */
function findItems(json: string, at: number): [number, number][] {
  const found: [number, number][] = [];
  for (let start = skipSpace(json, at + 1); json[start] !== ']';) {
    const end = skipValue(json, start);
    found.push([start, end]);
    start = skipSpace(json, end);
    if (json[start] === ',') start = skipSpace(json, start + 1);
  }
  return found;
}

/** The texts of the values of an array, which `json` is, and valid. */
export function itemSources(json: string): string[] {
  return findItems(json, skipSpace(json, 0)).map((place) => json.slice(...place));
}

/**
 * The text of a value in an object: see `readField` for paths.
 *
 * @param json An object, and valid.
 */
export function findSource(json: string, path: string): string | undefined {
  const start = skipSpace(json, 0);
  const whole = findMembers(json, start, path).at(-1);
  if (whole !== undefined) return json.slice(...whole);
  let place: [number, number] | undefined = [start, json.length];
  for (const key of path.split('.')) {
    const isArray: boolean = json[place[0]] === '[';
    place = isArray
      ? findItems(json, place[0])[Number(key)]
      : findMembers(json, place[0], key).at(-1);
    if (place === undefined) return undefined;
  }
  return json.slice(...place);
}

/** Whether an object has two members of a name, or of one of those on the way: see `readField` for paths. */
export function isTwice(json: string, path: string): boolean {
  // Most have each once. What costs more than to look is done for the others only: this is asked of every row.
  const isOnce = ({ written, escaped }: Spelling): boolean =>
    json.indexOf(written) === json.lastIndexOf(written) &&
    !(json.includes('\\') && escaped.test(json));
  if (spellingsOf(path).every(isOnce)) return false;
  let place = skipSpace(json, 0);
  const whole = findMembers(json, place, path).length;
  if (whole > 0) return whole > 1;
  for (const key of path.split('.')) {
    const isArray = json[place] === '[';
    if (!isArray && json[place] !== '{') return false;
    const found = isArray
      ? findItems(json, place).slice(Number(key), Number(key) + 1)
      : findMembers(json, place, key);
    if (found.length !== 1) return found.length > 1;
    place = found[0]![0];
  }
  return false;
}

/** How a name may stand in JSON. */
interface Spelling {
  readonly written: string;
  /** An escape of one of its characters, which it may also be written with. */
  readonly escaped: RegExp;
}

const known = new Map<string, readonly Spelling[]>();

/** Of a path, and of the names that it is made of. */
function spellingsOf(path: string): readonly Spelling[] {
  let found = known.get(path);
  if (found === undefined) {
    const names = path.includes('.') ? [path, ...path.split('.')] : [path];
    known.set(path, (found = names.map(spell)));
  }
  return found;
}

function spell(name: string): Spelling {
  const codes = Array.from({ length: name.length }, (_, i) =>
    name.charCodeAt(i).toString(16).padStart(4, '0'),
  );
  const escapes = [`u(?:${codes.join('|')})`, ...(name.includes('/') ? ['/'] : [])];
  return {
    written: JSON.stringify(name),
    escaped: new RegExp(`\\\\(?:${escapes.join('|')})`, 'i'),
  };
}

const space = /\s*/y;
const scalar = /[^\s,\]}]*/y;

function skip(pattern: RegExp, json: string, at: number): number {
  pattern.lastIndex = at;
  pattern.test(json);
  return pattern.lastIndex;
}

function skipSpace(json: string, at: number): number {
  return skip(space, json, at);
}

function skipString(json: string, start: number): number {
  for (let end = json.indexOf('"', start + 1); ; end = json.indexOf('"', end + 1)) {
    let at = end;
    while (json[at - 1] === '\\') at -= 1;
    if ((end - at) % 2 === 0) return end + 1;
  }
}

function skipValue(json: string, start: number): number {
  if (json[start] === '"') return skipString(json, start);
  if (json[start] !== '{' && json[start] !== '[') return skip(scalar, json, start);
  let depth = 0;
  for (let at = start; ;) {
    const character = json[at];
    if (character === '"') {
      at = skipString(json, at);
      continue;
    }
    at += 1;
    if (character === '{' || character === '[') depth += 1;
    else if ((character === '}' || character === ']') && --depth === 0) return at;
  }
}
