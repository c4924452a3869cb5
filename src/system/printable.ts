/**
 * Text as it may be shown on a terminal or a page. Names of files, classes and columns come from whoever
 * made the data: as they stand, control characters would move the cursor, colour or hide what
 * follows, and directional marks would show it in another order than it has.
 */

/** Controls but the line feed, directional marks, other line ends, the mark of byte order, halves of pairs. */
const unprintable =
  /(?!\n)\p{Cc}|[\u061C\u200E\u200F\u2028-\u202E\u2066-\u2069\uFEFF]|\p{Surrogate}/gu;

/** With what must not be shown written as an escape of JSON: `\u001b`. Line feeds stay. */
export function printable(text: string): string {
  return text.replaceAll(unprintable, escapeUnit);
}

/** As `printable`, for what has to be one line. */
export function printableLine(line: string): string {
  return printable(line).replaceAll('\n', '\\n');
}

/**
 * The name of a class as it stands in a table or a list: in quotation marks where it is empty, begins
 * or ends with white space, or looks quoted, so that different names never look the same.
 */
export function printableName(name: string): string {
  const isPlain = name !== '' && name === name.trim() && !name.startsWith('"');
  const shown = isPlain ? name : JSON.stringify(name);
  return printableLine(shown.replaceAll(/[^\S \n]/gu, escapeUnit));
}

function escapeUnit(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
