import { beginsBetween, parseTag } from './entities.js';

/**
 * Which tags do not follow each other by the scheme that the names of all tags tell: BIO, where an `I-` goes on with a `B-` or `I-`
 * of its type; or BIOES, where moreover every entity ends with an `E-` or is one `S-`. Tags of other schemes (IOB1, where an entity
 * may begin with `I-`; classes that are no entities) follow each other as they like. Names alone do not tell IOB1 from BIO where
 * every type has its `B-`: see `breaksScheme`.
 *
 * @returns from · (classes + 2) + to; with to = classes for tags that begin no row, classes + 1 for those that end none
 */
export function forbiddenTransitions(classes: readonly string[]): number[] {
  const scheme = schemeOf(classes);
  if (scheme === undefined) return [];
  const tags = classes.map(parseTag);
  const isOpen = (prefix: string): boolean => prefix === 'B' || prefix === 'I';
  const forbidden: number[] = [];
  tags.forEach((from, place) => {
    const row = place * (classes.length + 2);
    tags.forEach((to, other) => {
      const goesOn = to.prefix === 'I' || (scheme === 'BIOES' && to.prefix === 'E');
      const isInside = isOpen(from.prefix) && from.type === to.type;
      const leavesOpen = scheme === 'BIOES' && isOpen(from.prefix) && !goesOn;
      if ((goesOn && !isInside) || leavesOpen) forbidden.push(row + other);
    });
    const begins = from.prefix === 'I' || (scheme === 'BIOES' && from.prefix === 'E');
    if (begins) forbidden.push(row + classes.length);
    if (scheme === 'BIOES' && isOpen(from.prefix)) forbidden.push(row + classes.length + 1);
  });
  return forbidden;
}

/** Told from the names of all tags together. */
export function schemeOf(classes: readonly string[]): 'BIO' | 'BIOES' | undefined {
  const known = new Set(classes);
  const prefixes = new Set(classes.map((name) => parseTag(name).prefix));
  const has = (...names: readonly string[]): boolean => names.some((name) => prefixes.has(name));
  if ([...prefixes].some((prefix) => !'BIOES'.includes(prefix) || prefix.length !== 1))
    return undefined;
  // Where an I- has no B- of its type an entity begins with it: IOB1.
  const begins = (name: string): boolean =>
    !name.startsWith('I-') || known.has(`B-${name.slice(2)}`);
  if (!has('B', 'S') || !classes.every(begins)) return undefined;
  return has('E', 'S') ? 'BIOES' : 'BIO';
}

/** How often tags of rows follow each other otherwise than the scheme of their names has it, and how many entities there are. */
export interface SchemeCounts {
  entities: number;
  broken: number;
}

/** Share of the entities up to which orders against the scheme are taken for mistakes. */
const NOISE = 0.05;

/** Whether rows follow another scheme than their tags have the names of, as IOB1 does that begins entities with `I-`. */
export function breaksScheme(counts: SchemeCounts | undefined): boolean {
  return counts !== undefined && counts.broken > NOISE * counts.entities;
}

/**
 * Counts rows of tags; undefined where the names tell no scheme.
 *
 * @param classes names of the tags by id
 * @returns adds a row of ids to what is counted
 */
export function createSchemeCounter(
  classes: readonly string[],
): ((row: ArrayLike<number>, into: SchemeCounts) => void) | undefined {
  if (schemeOf(classes) === undefined) return undefined;
  const width = classes.length + 2;
  const isForbidden = new Uint8Array(classes.length * width);
  for (const place of forbiddenTransitions(classes)) isForbidden[place] = 1;
  const outside = parseTag('O');
  const tags = classes.map(parseTag);
  // [classes + 1, classes], the last row of what stands before all.
  const begins = [...tags, outside].flatMap((from) => tags.map((to) => beginsBetween(from, to)));
  return (row, into) => {
    let before = classes.length;
    for (let i = 0; i < row.length; i++) {
      const tag = row[i]!;
      if (begins[before * classes.length + tag]!) into.entities += 1;
      const place = i === 0 ? tag * width + classes.length : before * width + tag;
      into.broken += isForbidden[place]!;
      before = tag;
    }
    if (row.length > 0) into.broken += isForbidden[before * width + classes.length + 1]!;
  };
}
