/**
 * Compares a trained classifier's probabilities with PyTorch's from the same checkpoint, for the first rows of a
 * file (100 unless told), their tokens being Lockstep's:
 *
 *   node scripts/compare-predictions.js runs/quickstart data/spam-assassin/test.csv [ROWS]
 *
 * Prints the largest difference, and fails above 1e-5. The environment variable PYTHON names the interpreter that
 * has PyTorch (python3 unless set).
 */
import '../bin/node-version.js';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { encodeRow } from '../dist/src/data/batches/encode-row.js';
import { openModel, readExamples } from '../dist/src/index.js';

const tolerance = 1e-5;

async function readTexts(file, column, count) {
  const texts = [];
  for await (const { text } of readExamples([file], { text: column })) {
    texts.push(text);
    if (texts.length === count) break;
  }
  return texts;
}

/** Probabilities for rows of token ids. */
function predictWithPyTorch(checkpoint, rows) {
  const script = fileURLToPath(new URL('pytorch_predict.py', import.meta.url));
  const { status, stdout } = spawnSync(process.env.PYTHON ?? 'python3', [script, checkpoint], {
    input: JSON.stringify(rows),
    encoding: 'utf8',
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  if (status !== 0) throw new Error('pytorch_predict.py did not run: is PyTorch there?');
  return JSON.parse(stdout);
}

async function compare(run, file, count) {
  const model = await openModel(run);
  try {
    const texts = await readTexts(file, model.config.data.text, count);
    const ours = await model.classify(texts);
    const rows = texts.map((text) => encodeRow(model.tokenizer, text, model.config.data));
    const theirs = predictWithPyTorch(model.checkpoint, rows);
    const differences = ours.flatMap((row, i) =>
      Array.from(row, (probability, k) => Math.abs(probability - theirs[i][k])),
    );
    const largest = Math.max(...differences);
    console.log(
      `${texts.length} rows of ${file}, weights of ${model.checkpoint}: ` +
        `probabilities differ from PyTorch's by at most ${largest.toExponential(1)}.`,
    );
    // Written so that a NaN fails too.
    return largest <= tolerance;
  } finally {
    await model.close();
  }
}

const [run, file, count = '100'] = process.argv.slice(2);
if (!file || !(Number(count) >= 1)) {
  console.error('usage: node scripts/compare-predictions.js RUN FILE [ROWS]');
  process.exitCode = 2;
} else {
  try {
    if (!(await compare(run, file, Number(count)))) process.exitCode = 1;
  } catch (error) {
    console.error(`compare-predictions: ${error.message}`);
    process.exitCode = 1;
  }
}
