/**
 * What sacreBLEU takes for space between words: that of Python, which has the separators of files, groups, records and units and the
 * end of a line of ISO 6429 beside what JavaScript has, and has no byte order mark.
 */
const space = new RegExp(
  String.raw`[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]`,
);
const spaces = new RegExp(`${space.source}+`, 'g');

/** What stands between spaces. */
export function splitWords(text: string): string[] {
  return text.split(spaces).filter((word) => word !== '');
}

export function removeSpaces(text: string): string {
  return text.replaceAll(spaces, '');
}

/** Without the spaces at the end. One by one: an expression would begin anew at each of many spaces. */
export function trimEnd(text: string): string {
  let end = text.length;
  while (end > 0 && space.test(text[end - 1]!)) end--;
  return text.slice(0, end);
}

export function trim(text: string): string {
  const trimmed = trimEnd(text);
  let start = 0;
  while (start < trimmed.length && space.test(trimmed[start]!)) start++;
  return trimmed.slice(start);
}
