/** How long training stands still for a checkpoint of a model of 20 million weights (ptb-medium's sizes). */
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  clear,
  configOf,
  createDice,
  fail,
  folder,
  median,
  say,
  startProgram,
} from './workplace.js';

const VOCABULARY = 10_000;
const EVERY_STEPS = 15;
const STEPS = 76;

/** Share of a minute's work that a checkpoint may cost. */
const SHARE_ALLOWED = 0.05;

export async function measurePauses() {
  const dice = createDice(1);
  const words = Array.from(
    { length: 120_000 },
    (_, i) => `w${i < VOCABULARY ? i : dice(VOCABULARY)}`,
  );
  writeFileSync(path.join(folder, 'words.txt'), `${words.join(' ')}\n`);
  writeFileSync(
    configOf('medium'),
    `task: language-model
data: { train: ${folder}/words.txt, validation: 0, storeDir: ${folder}/stores, tokenizer: { kind: word, vocabularySize: ${VOCABULARY} } }
model: { embedding: 650, layers: [{ hiddenSize: 650 }, { hiddenSize: 650 }] }
train: { batchSize: 20, sequenceLength: 35, maxSteps: ${STEPS}, checkpoint: { everySteps: ${EVERY_STEPS} } }
`,
  );
  const runDir = path.join(folder, 'run');
  const args = ['train', '--config', configOf('medium'), '--run-dir', runDir];
  const { status, stderr } = await startProgram(args).ended;
  if (status !== 0) fail(`Training failed: ${stderr.trim()}`);
  const log = readFileSync(path.join(runDir, 'metrics.jsonl'), 'utf8');
  const events = log
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  report(events);
  clear();
}

function report(events) {
  const { parameters } = events.find(({ type }) => type === 'start');
  // The last one is written when there is nothing left to hold up.
  const checkpoints = events.filter(({ type, step }) => type === 'checkpoint' && step < STEPS);
  const steps = events.filter(({ type }) => type === 'step');
  const endOf = ({ time }) => Date.parse(time) / 1000;
  // Between two steps nothing is done but what is due: the rest of the time between their ends is the step itself.
  const gaps = steps.slice(1).map((step, i) => endOf(step) - endOf(steps[i]) - step.duration);
  const pauses = checkpoints.map(({ step }) => gaps[step - steps[0].step]);
  const isSlowed = ({ time, duration }) =>
    checkpoints.some((written) => {
      const end = endOf(written);
      return endOf({ time }) > end - written.duration && endOf({ time }) - duration < end;
    });
  const usual = median(steps.filter((step) => !isSlowed(step)).map(({ duration }) => duration));
  const slowed = steps.filter(isSlowed);
  const lost = slowed.reduce((sum, { duration }) => sum + duration - usual, 0) / checkpoints.length;
  const show = (seconds) => `${(1000 * seconds).toFixed(0)} ms`;
  const pause = median(pauses);
  say(`${parameters} parameters, ${show(usual)} a step, ${checkpoints.length} checkpoints`);
  say(`Pause at a checkpoint: median ${show(pause)}, at most ${show(Math.max(...pauses))}`);
  say(
    `Written in ${show(median(checkpoints.map(({ duration }) => duration)))} while training goes on`,
  );
  say(`Steps meanwhile take longer by ${show(lost)} in all, as a mean over the checkpoints`);
  say(`Together ${(100 * ((pause + lost) / 60)).toFixed(1)} % of a minute`);
  if (pause > 60 * SHARE_ALLOWED)
    fail(`Expected pauses below ${100 * SHARE_ALLOWED} % of a minute.`);
}
