#!/usr/bin/env node
/**
 * Draws which share of translations is exactly what was expected, by the length of their sources, as an SVG: one line a file of translations,
 * as `lockstep translate RUN SOURCE --out FILE.txt` writes them, named after the file.
 *
 *     node scripts/plot-exact.js data/dates/test.written.txt data/dates/test.iso.txt attention.txt none.txt > docs/dates.svg
 */
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { drawLines } from './line-chart.js';

const [sourceFile, targetFile, ...files] = process.argv.slice(2);
if (files.length === 0) {
  console.error('usage: node scripts/plot-exact.js SOURCE TARGET TRANSLATIONS.txt… > FILE.svg');
  process.exit(1);
}
const readLines = (file) => readFileSync(file, 'utf8').replace(/\n$/, '').split('\n');

/** Letters of a source that are counted together. */
const STEP = 4;
const targets = readLines(targetFile);
const groups = readLines(sourceFile).map((source) => Math.floor([...source].length / STEP));
/** Fewer say little of the share. */
const FEWEST = 20;
const shown = [...new Set(groups)]
  .filter((group) => groups.filter((other) => other === group).length >= FEWEST)
  .sort((a, b) => a - b);

const curves = files.map((file) => {
  const translations = readLines(file);
  if (translations.length !== targets.length) {
    console.error(
      `${file} has ${translations.length} lines where ${targetFile} has ${targets.length}`,
    );
    process.exit(1);
  }
  const points = shown.map((group) => {
    const places = groups.flatMap((other, i) => (other === group ? i : []));
    const exact = places.filter((i) => translations[i] === targets[i]).length;
    return [group, exact / places.length];
  });
  return { name: basename(file).replace(/\.[^.]*$/, ''), points };
});

const [first, last] = [shown[0], shown.at(-1)];
console.log(
  drawLines(
    {
      name: 'letters of the source',
      place: (group) => (group - first) / (last - first),
      ticks: shown.map((group) => [group, `${group * STEP}–${group * STEP + STEP - 1}`]),
    },
    {
      name: 'exact translations',
      place: (share) => share,
      ticks: [0, 0.25, 0.5, 0.75, 1].map((share) => [share, `${share * 100} %`]),
    },
    curves,
  ),
);
