#!/usr/bin/env node
/**
 * Draws the mean squared error of runs on their validation splits, step by step on a logarithmic scale, as an SVG: one line a run, named after the
 * last word of its directory.
 *
 *     node scripts/plot-mse.js runs/adding-lstm runs/adding-gru runs/adding-rnn > docs/adding-problem.svg
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const runs = process.argv.slice(2);
if (runs.length === 0) {
  console.error('usage: node scripts/plot-mse.js RUN… > FILE.svg');
  process.exit(1);
}

const [width, height, left, right, top, bottom] = [760, 420, 64, 90, 24, 48];
const colours = ['#2563eb', '#059669', '#d97706', '#7c3aed'];
/** What the mean alone would have, the variance of a sum of two numbers from 0 to 1, and the goal. */
const marks = [
  [1 / 6, 'variance 0.167'],
  [0.01, '0.01'],
];

const curves = runs.map((run) => ({
  name: run.replace(/\/+$/, '').replace(/.*[-/]/, ''),
  points: readFileSync(join(run, 'metrics.jsonl'), 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
    .filter(({ type, split }) => type === 'evaluation' && split === 'validation')
    .map(({ step, mse }) => [step, mse]),
}));
const all = curves.flatMap(({ points }) => points);
const steps = Math.max(...all.map(([step]) => step));
const decades = [
  Math.floor(Math.log10(Math.min(...all.map(([, mse]) => mse)))),
  Math.ceil(Math.log10(Math.max(1 / 6, ...all.map(([, mse]) => mse)))),
];
const x = (step) => round(left + ((width - left - right) * step) / steps);
const y = (mse) => {
  const share = (Math.log10(mse) - decades[0]) / (decades[1] - decades[0]);
  return round(height - bottom - (height - top - bottom) * share);
};

const parts = [
  `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="12">`,
  `<rect width="${width}" height="${height}" fill="#fff"/>`,
];
for (let decade = decades[0]; decade <= decades[1]; decade++) {
  const at = y(10 ** decade);
  parts.push(
    `<path d="M${left} ${at}H${width - right}" stroke="#ddd"/>`,
    text(left - 8, at + 4, String(Number(`1e${decade}`)), 'end'),
  );
}
for (const [value, label] of marks) {
  parts.push(
    `<path d="M${left} ${y(value)}H${width - right}" stroke="#555" stroke-dasharray="4 4"/>`,
    text(left + 6, y(value) - 5, label, 'start'),
  );
}
for (let quarter = 0; quarter <= 4; quarter++) {
  const step = Math.round((steps * quarter) / 4);
  parts.push(text(x(step), height - bottom + 18, step.toLocaleString('en-US'), 'middle'));
}
parts.push(
  text((left + width - right) / 2, height - 10, 'steps', 'middle'),
  text(left, 14, 'mean squared error of the validation rows', 'start'),
);
curves.forEach(({ name, points }, i) => {
  const colour = colours[i % colours.length];
  const line = points.map(([step, mse]) => `${x(step)},${y(mse)}`).join(' ');
  const [lastStep, lastMse] = points.at(-1);
  parts.push(
    `<polyline points="${line}" fill="none" stroke="${colour}" stroke-width="2"/>`,
    `<text x="${x(lastStep) + 6}" y="${y(lastMse) + 4}" fill="${colour}" font-weight="bold">${name}</text>`,
  );
});
parts.push('</svg>');
console.log(parts.join('\n'));

function text(atX, atY, content, anchor) {
  return `<text x="${round(atX)}" y="${round(atY)}" text-anchor="${anchor}" fill="#333">${content}</text>`;
}

function round(value) {
  return Math.round(value * 10) / 10;
}
