#!/usr/bin/env node
/**
 * Makes data for the adding problem (Hochreiter & Schmidhuber 1997): rows of T numbers from 0 to 1, two of which are marked; the target is
 * the sum of these two. Every number is a word, `0.37`, or `+0.37` where it is marked, and a marked one stands in either half of the row.
 *
 *     node scripts/adding-problem.js [--length 200] [--rows 50000] [--validation 2000] [--seed 1] [--out data/adding]
 */
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { finished } from 'node:stream/promises';
import { parseArgs } from 'node:util';

const values = readOptions({
  length: { type: 'string', default: '200' },
  rows: { type: 'string', default: '50000' },
  validation: { type: 'string', default: '2000' },
  seed: { type: 'string', default: '1' },
  out: { type: 'string', default: 'data/adding' },
});

const length = wholeNumber('length', 2);
const seed = wholeNumber('seed', 0);
const splits = { train: wholeNumber('rows', 1), validation: wholeNumber('validation', 1) };
await makeFolder(values.out).catch((error) =>
  refuse(`--out: ${values.out} cannot be made (${error.code})`),
);
for (const [split, rows] of Object.entries(splits)) {
  const file = join(values.out, `${split}.csv`);
  await writeRows(file, rows, createDice(`${seed} ${split}`));
  console.log(`${file}: ${rows} rows of ${length} numbers`);
}

/** Node's own recursive mkdir tries for ever where a folder takes no other (/proc). */
async function makeFolder(folder) {
  try {
    await mkdir(folder);
  } catch (error) {
    if (error.code === 'EEXIST') return;
    if (error.code !== 'ENOENT' || dirname(folder) === folder) throw error;
    await makeFolder(dirname(folder));
    await mkdir(folder);
  }
}

function readOptions(options) {
  try {
    return parseArgs({ options }).values;
  } catch (error) {
    return refuse(error.message.split('\n')[0]);
  }
}

function wholeNumber(name, least) {
  const number = Number(values[name]);
  if (/^\d+$/.test(values[name]) && Number.isSafeInteger(number) && number >= least) return number;
  return refuse(`--${name}: expected a whole number of at least ${least}, got ${values[name]}`);
}

function refuse(sentence) {
  console.error(sentence);
  return process.exit(1);
}

async function writeRows(file, count, dice) {
  const stream = createWriteStream(file);
  stream.write('text,sum\n');
  const half = length >> 1;
  for (let row = 0; row < count; row++) {
    const marked = [dice(half), half + dice(length - half)];
    const hundredths = Array.from({ length }, () => dice(101));
    const sum = hundredths[marked[0]] + hundredths[marked[1]];
    const words = hundredths.map(
      (value, place) => (marked.includes(place) ? '+' : '') + (value / 100).toFixed(2),
    );
    if (!stream.write(`${words.join(' ')},${(sum / 100).toFixed(2)}\n`)) {
      await new Promise((resolve) => stream.once('drain', resolve));
    }
  }
  stream.end();
  await finished(stream);
}

/** Whole numbers below n, the same ones for the same text (splitmix32). */
function createDice(text) {
  let state = Array.from(text).reduce(
    (hash, character) => Math.imul(hash ^ character.codePointAt(0), 0x01000193),
    0x811c9dc5,
  );
  return (n) => {
    state = (state + 0x9e3779b9) | 0;
    let word = state ^ (state >>> 16);
    word = Math.imul(word, 0x21f0aaad);
    word ^= word >>> 15;
    word = Math.imul(word, 0x735a2d97);
    word ^= word >>> 15;
    return Math.floor(((word >>> 0) / 2 ** 32) * n);
  };
}
