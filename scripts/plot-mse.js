#!/usr/bin/env node
/**
 * Draws the mean squared error of runs on their validation splits, step by step on a logarithmic scale, as an SVG: one line a run, named after the
 * last word of its directory.
 *
 *     node scripts/plot-mse.js runs/adding-lstm runs/adding-gru runs/adding-rnn > docs/adding-problem.svg
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { drawLines } from './line-chart.js';

const runs = process.argv.slice(2);
if (runs.length === 0) {
  console.error('usage: node scripts/plot-mse.js RUN… > FILE.svg');
  process.exit(1);
}

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
const low = Math.floor(Math.log10(Math.min(...all.map(([, mse]) => mse))));
const high = Math.ceil(Math.log10(Math.max(1 / 6, ...all.map(([, mse]) => mse))));

const acrossTicks = [0, 1, 2, 3, 4].map((quarter) => {
  const step = Math.round((steps * quarter) / 4);
  return [step, step.toLocaleString('en-US')];
});
const upwardsTicks = Array.from({ length: high - low + 1 }, (_, i) => {
  const value = Number(`1e${low + i}`);
  return [value, String(value)];
});
console.log(
  drawLines(
    { name: 'steps', place: (step) => step / steps, ticks: acrossTicks },
    {
      name: 'mean squared error of the validation rows',
      place: (mse) => (Math.log10(mse) - low) / (high - low),
      ticks: upwardsTicks,
    },
    curves,
    // What the mean alone would have, the variance of a sum of two numbers from 0 to 1, and the goal.
    [
      [1 / 6, 'variance 0.167'],
      [0.01, '0.01'],
    ],
  ),
);
