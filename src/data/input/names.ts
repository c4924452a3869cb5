import { closest, distance } from 'fastest-levenshtein';

/** ` (did you mean "x"?)`, or nothing when no name is near. */
export function suggest(names: readonly string[], wrong: string): string {
  const name = nearestName(names, wrong);
  return name === undefined ? '' : ` (did you mean ${JSON.stringify(name)}?)`;
}

/** The name that a mistyped one most likely means, its case aside; undefined when none is near. */
export function nearestName(names: readonly string[], wrong: string): string | undefined {
  if (names.length === 0) return undefined;
  const nearest = closest(
    wrong.toLowerCase(),
    names.map((name) => name.toLowerCase()),
  );
  const near = distance(wrong.toLowerCase(), nearest) <= Math.max(1, Math.floor(wrong.length / 2));
  return near ? names.find((each) => each.toLowerCase() === nearest) : undefined;
}

/** How many names a message shows. */
export const namesShown = 20;

/** Names in quotation marks, the first twenty of them. */
export function listNames(names: readonly string[]): string {
  const shown = names.slice(0, namesShown).map((name) => JSON.stringify(name));
  const rest = names.length - shown.length;
  return rest > 0 ? `${shown.join(', ')} and ${rest} more` : shown.join(', ');
}
