/**
 * Writes src/data/tokenizers/character-classes.ts: which characters are letters, numbers and white
 * space to the `tokenizers` package, asked of the package itself. They are kept in a file, because
 * the answers of JavaScript's own \p{L} change with the version of Node.
 */
import '../bin/node-version.js';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { format, resolveConfig } from 'prettier';
import { byteLevelPreTokenizer } from 'tokenizers';

const target = fileURLToPath(
  new URL('../src/data/tokenizers/character-classes.ts', import.meta.url),
);
const pieces = byteLevelPreTokenizer(false, true);
const isOnePiece = (text) => pieces.preTokenizeString(text).length === 1;

/** O for other characters, L letters, N numbers, S white space. */
function classify(point) {
  // Lone surrogates reach the package as U+FFFD.
  const character = String.fromCodePoint(point).toWellFormed();
  if (isOnePiece(`!${character}!`)) return 'O';
  if (isOnePiece(`x${character}x`)) return 'L';
  if (isOnePiece(`1${character}1`)) return 'N';
  return 'S';
}

const runs = [];
for (let point = 0; point <= 0x10ffff; point++) {
  const kind = classify(point);
  const last = runs.at(-1);
  if (last?.kind === kind) last.length += 1;
  else runs.push({ kind, length: 1 });
}
const text = runs.map(({ kind, length }) => kind + length.toString(36)).join('');
const lines = text.match(/.{1,92}/g).map((line) => `  '${line}'`);

const source = `/**
 * Classes of characters as the \`tokenizers\` package sees them, made by
 * scripts/make-character-classes.js: for each run of code points its class (O other, L letter,
 * N number, S white space) and its length in base 36.
 */
const runs = [
${lines.join(',\n')},
].join('');

export const other = 0;
export const letter = 1;
export const digit = 2;
export const space = 3;

/** The class of each code point; made when it is first asked for, since most tokenizers never do. */
export function classTable(): Uint8Array {
  return (table ??= readRuns());
}

let table: Uint8Array | undefined;

function readRuns(): Uint8Array {
  const made = new Uint8Array(0x110000);
  let point = 0;
  for (const [, kind, length] of runs.matchAll(/([OLNS])([0-9a-z]+)/g)) {
    const end = point + parseInt(length!, 36);
    made.fill('OLNS'.indexOf(kind!), point, end);
    point = end;
  }
  return made;
}
`;
await writeFile(
  target,
  await format(source, { ...(await resolveConfig(target)), parser: 'typescript' }),
);
