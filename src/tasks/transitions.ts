import { parseTag } from './entities.js';

/**
 * Which tags do not follow each other by the scheme that the names of all tags tell: BIO, where an `I-` goes on with a `B-` or `I-`
 * of its type; or BIOES, where moreover every entity ends with an `E-` or is one `S-`. Tags of other schemes (IOB1, where an entity
 * may begin with `I-`; classes that are no entities) follow each other as they like.
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
