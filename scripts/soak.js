/**
 * `npm run soak -- [--minutes N] [--seed N]`: trains a small classifier with dropout and a small language model over
 * and over while processes are killed (SIGKILL), stopped (SIGTERM) and resumed at random on random numbers of workers
 * whose threads die at random, and compares the result, byte for byte, with that of a run that nobody disturbed.
 * Ends with a non-zero status at the first difference, and keeps the runs.
 *
 * `npm run soak -- --memory`: trains a tiny model for 20,000 steps and shows that memory does not grow.
 */
import { fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    memory: { type: 'boolean', default: false },
  },
});
// A young generation of a fixed size: its growth would drown what is measured here.
if (values.memory) setFlagsFromString('--max-semi-space-size=1');
const folder = mkdtempSync(path.join(tmpdir(), 'lockstep-soak-'));
const say = (line) => console.log(line);

/** Whole numbers below n, drawn from the seed. */
function createDice(seed) {
  let state = seed >>> 0;
  return (n) => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return Math.floor((state / 2 ** 32) * n);
  };
}

const configs = {
  classifier: `task: classify
data: { train: ${folder}/rows.csv, validation: 0.2, storeDir: ${folder}/stores }
model: { embedding: 12, layers: [{ hiddenSize: 20 }, { hiddenSize: 9 }], dropout: 0.3 }
train:
  batchSize: 8
  epochs: 1000
  maxSteps: 2000
  shards: 8
  evaluateEverySteps: 500
  checkpoint: { everySteps: 25 }
`,
  'language-model': `task: language-model
data: { train: ${folder}/text.txt, validation: 0.1, storeDir: ${folder}/stores, tokenizer: { kind: char } }
model: { embedding: 12, layers: [{ hiddenSize: 20 }, { hiddenSize: 9 }], dropout: 0.3 }
train:
  batchSize: 6
  sequenceLength: 12
  epochs: 1000
  maxSteps: 2000
  shards: 8
  evaluateEverySteps: 500
  checkpoint: { everySteps: 25 }
`,
};

function writeCorpora() {
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
    writeFileSync(path.join(folder, `${name}.yaml`), config);
  }
}

/** Starts a process that trains; `hear` is told of everything that happens in it. */
function startTraining(name, runDir, workers, flags, hear) {
  const script = fileURLToPath(new URL('soak-train.js', import.meta.url));
  const args = [path.join(folder, `${name}.yaml`), runDir, String(workers), ...flags];
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

function digest(runDir) {
  const hash = createHash('sha256');
  const name = readFileSync(path.join(runDir, 'latest'), 'utf8').trim();
  for (const file of ['model.safetensors', 'optimizer.safetensors']) {
    hash.update(readFileSync(path.join(runDir, 'checkpoints', name, file)));
  }
  return `${name} ${hash.digest('hex')}`;
}

const counts = { runs: 0, starts: 0, SIGKILL: 0, SIGTERM: 0, deaths: 0, damaged: 0 };

function fail(sentence) {
  say(`${sentence}\nThe runs are kept in ${folder}.`);
  process.exit(1);
}

/** Trains to the end against all disturbances. */
async function trainDisturbed(name, runDir, dice) {
  const flags = [];
  for (let finished = false; !finished;) {
    const workers = 1 + dice(4);
    const deadly = dice(2) === 0 ? ['deadly'] : [];
    const run = startTraining(name, runDir, workers, [...flags, ...deadly], (event) => {
      if (event.type === 'end') finished = event.reason === 'finished';
      if (event.type === 'worker') counts.deaths++;
      if (event.type === 'notice' && event.message.includes('damaged')) counts.damaged++;
      // From here on there is a run to resume.
      if (event.type === 'start' && flags.length === 0) flags.push('resume');
    });
    counts.starts++;
    const signal = dice(3) === 0 ? 'SIGTERM' : 'SIGKILL';
    // Some die before they have begun.
    if (dice(8) > 0 || flags.length === 0) await run.started;
    await sleep(dice(600));
    if (run.child.kill(signal)) counts[signal]++;
    const { status, stderr } = await run.ended;
    if (status) fail(`A run of ${name} in ${runDir} ended with status ${status}: ${stderr.trim()}`);
  }
}

async function soak() {
  const dice = createDice(Number(values.seed));
  const until = performance.now() + Number(values.minutes) * 60_000;
  writeCorpora();
  say(`Seed ${values.seed}, runs in ${folder}`);
  const expected = {};
  for (const name of Object.keys(configs)) {
    const runDir = path.join(folder, `${name}-undisturbed`);
    const { status, stderr } = await startTraining(name, runDir, 2, [], () => undefined).ended;
    if (status !== 0) fail(`The undisturbed run of ${name} failed: ${stderr.trim()}`);
    expected[name] = digest(runDir);
    say(`${name}, undisturbed: ${expected[name]}`);
  }
  const names = Object.keys(configs);
  do {
    const name = names[counts.runs % names.length];
    const runDir = path.join(folder, `${name}-${counts.runs}`);
    await trainDisturbed(name, runDir, dice);
    counts.runs++;
    const result = digest(runDir);
    if (result !== expected[name]) fail(`${runDir}: expected ${expected[name]}, got ${result}`);
    rmSync(runDir, { recursive: true });
    say(
      `${counts.runs} runs equal: ${counts.starts} starts, ${counts.SIGKILL} times SIGKILL, ` +
        `${counts.SIGTERM} times SIGTERM, ${counts.deaths} workers died, ${counts.damaged} damaged checkpoints`,
    );
  } while (performance.now() < until);
}

/** Resident memory may grow by this share. */
const GROWTH_ALLOWED = 0.03;
const LAST_STEP = 20_000;

/**
 * Compares resident memory around step 2,000 and at the end. What garbage collection leaves to the next time moves
 * it up and down by some MiB: it is measured right behind collections, and the least value of a stretch of steps counts.
 */
async function measureMemory() {
  const { loadConfig } = await import('../dist/src/config/load.js');
  const { train } = await import('../dist/src/train/run.js');
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc');
  writeCorpora();
  const config = await loadConfig(path.join(folder, 'classifier.yaml'), [
    ...['workers=2', `train.maxSteps=${LAST_STEP}`, 'train.epochs=10000'],
    // Often enough that all code has run before the first measurement.
    ...['train.evaluateEverySteps=500', 'train.checkpoint.everySteps=250'],
  ]);
  const stretches = [
    { name: 'around step 2,000', from: 1000, to: 3000, resident: Infinity, live: Infinity },
    {
      name: 'at the end',
      from: LAST_STEP - 2000,
      to: LAST_STEP,
      resident: Infinity,
      live: Infinity,
    },
  ];
  await train(config, {
    runDir: path.join(folder, 'memory'),
    resume: false,
    listener({ type, step }) {
      if (type !== 'step' || step % 20 !== 0) return;
      const stretch = stretches.find(({ from, to }) => step > from && step <= to);
      if (!stretch) return;
      collectGarbage();
      const { rss, heapUsed, external } = process.memoryUsage();
      stretch.resident = Math.min(stretch.resident, rss);
      stretch.live = Math.min(stretch.live, heapUsed + external);
    },
  });
  const show = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  for (const { name, resident, live } of stretches) {
    say(
      `Resident memory ${name}: ${show(resident)}, of which live on the main heap: ${show(live)}`,
    );
  }
  const growth = stretches[1].resident / stretches[0].resident - 1;
  say(`It has grown by ${(100 * growth).toFixed(1)} %.`);
  if (growth > GROWTH_ALLOWED) fail(`Expected at most ${100 * GROWTH_ALLOWED} %.`);
}

await (values.memory ? measureMemory() : soak());
rmSync(folder, { recursive: true });
