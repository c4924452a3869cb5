/** What every mode of `npm run soak` works with: a folder with small corpora and configs, and processes that train. */
import { fork, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';

export const folder = mkdtempSync(path.join(tmpdir(), 'lockstep-soak-'));

export function say(line) {
  console.log(line);
}

export function fail(sentence) {
  say(`${sentence}\nThe runs are kept in ${folder}.`);
  process.exit(1);
}

export function clear() {
  rmSync(folder, { recursive: true });
}

/** Draws whole numbers below n, the same ones for the same seed. */
export function createDice(seed) {
  let state = seed >>> 0;
  return (n) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

/** Steps of an undisturbed run. */
export const STEPS = 2000;

const training = `
  epochs: 1000
  maxSteps: ${STEPS}
  shards: 8
  evaluateEverySteps: 500
  checkpoint: { everySteps: 25 }
`;
const model =
  'model: { embedding: 12, layers: [{ hiddenSize: 20 }, { hiddenSize: 9 }], dropout: 0.3 }';
const configs = {
  classifier: `task: classify
data: { train: ${folder}/rows.csv, validation: 0.2, storeDir: ${folder}/stores }
${model}
train:
  batchSize: 8${training}`,
  'language-model': `task: language-model
data: { train: ${folder}/text.txt, validation: 0.1, storeDir: ${folder}/stores, tokenizer: { kind: char } }
${model}
teams: 2
train:
  batchSize: 6
  sequenceLength: 12${training}`,
};

/** A classifier with dropout, and a language model with dropout and carried state. */
export const models = Object.keys(configs);
/** Those whose workers form teams, if there are more than two. */
export const inTeams = new Set(['language-model']);

export function configOf(name) {
  return path.join(folder, `${name}.yaml`);
}

/** @param precision of the runs' products */
export function writeCorpora(precision = 'float32') {
  const dice = createDice(1);
  const words = ['red', 'ruby', 'fire', 'blue', 'sky', 'sea', 'the', 'of', 'and', 'a', 'was'];
  const draw = (n) => Array.from({ length: n }, () => words[dice(words.length)]);
  const rows = Array.from({ length: 240 }, () => {
    const text = draw(2 + dice(12));
    const isRed = text.filter((word) => words.indexOf(word) < 3).length > 1;
    return `${text.join(' ')},${isRed ? 'red' : 'blue'}`;
  });
  writeFileSync(path.join(folder, 'rows.csv'), `text,label\n${rows.join('\n')}\n`);
  writeFileSync(path.join(folder, 'text.txt'), `${draw(1500).join(' ')}\n`);
  for (const [name, config] of Object.entries(configs)) {
    writeFileSync(configOf(name), `${config}  precision: ${precision}\n`);
  }
}

/**
 * Starts a process that trains.
 *
 * @param hear is told of everything that happens in it
 */
export function startTraining(name, runDir, workers, options, hear) {
  const script = fileURLToPath(new URL('train.js', import.meta.url));
  const args = [configOf(name), runDir, String(workers), ...options];
  const child = fork(script, args, { stdio: ['ignore', 'ignore', 'pipe', 'ipc'] });
  let stderr = '';
  child.stderr.on('data', (chunk) => (stderr += chunk));
  const started = new Promise((resolve) => {
    child.on('message', (event) => {
      hear(event);
      if (event.type === 'start') resolve();
    });
    child.on('close', resolve);
  });
  const ended = new Promise((resolve) => {
    child.on('close', (status, signal) => resolve({ status, signal, stderr }));
  });
  return { child, started, ended };
}

/** Trains a model with nobody in the way; resolves to its digest. */
export async function trainUndisturbed(name) {
  const runDir = path.join(folder, `${name}-undisturbed`);
  const { status, stderr } = await startTraining(name, runDir, 2, [], () => undefined).ended;
  if (status !== 0) fail(`The undisturbed run of ${name} failed: ${stderr.trim()}`);
  const result = digest(runDir);
  say(`${name}, undisturbed: ${result}`);
  return result;
}

/** Name and SHA-256 of the tensors of a run's latest checkpoint. */
export function digest(runDir) {
  const hash = createHash('sha256');
  const name = readFileSync(path.join(runDir, 'latest'), 'utf8').trim();
  for (const file of ['model.safetensors', 'optimizer.safetensors']) {
    hash.update(readFileSync(path.join(runDir, 'checkpoints', name, file)));
  }
  return `${name} ${hash.digest('hex')}`;
}

/** Has a program tell its parent, when it ends, what time its threads have computed for: other work does not count. */
const tellTime = `data:text/javascript,${encodeURIComponent(
  "import { writeSync } from 'node:fs';" +
    "process.on('exit', () => writeSync(3, JSON.stringify(process.cpuUsage())));",
)}`;

/**
 * Starts `lockstep ARGS`; `ended` resolves to what came of it, with the seconds from its start to its end and those that
 * it computed for (0 if it was killed).
 */
export function startProgram(args) {
  const program = fileURLToPath(new URL('../../bin/lockstep.js', import.meta.url));
  const start = performance.now();
  const child = spawn(process.execPath, ['--import', tellTime, program, ...args], {
    cwd: folder,
    stdio: ['ignore', 'ignore', 'pipe', 'pipe'],
  });
  let stderr = '';
  let used = '';
  child.stderr.on('data', (chunk) => (stderr += chunk));
  child.stdio[3].on('data', (chunk) => (used += chunk));
  const ended = new Promise((resolve) => {
    child.on('close', (status) => {
      const { user, system } = used === '' ? { user: 0, system: 0 } : JSON.parse(used);
      const seconds = (performance.now() - start) / 1000;
      resolve({ status, stderr, seconds, computed: (user + system) / 1e6 });
    });
  });
  return { child, start, ended };
}

export function median(values) {
  return values.toSorted((a, b) => a - b)[values.length >> 1];
}
