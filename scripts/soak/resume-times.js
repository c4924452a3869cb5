/** How long a resume takes, from the start of the program to its first step, early and late in one run. */
import { closeSync, cpSync, fstatSync, openSync, readSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  clear,
  configOf,
  fail,
  folder,
  median,
  say,
  startProgram,
  writeCorpora,
} from './workplace.js';

const EARLY = 10;
const LATE = 100_000;
const REPEATS = 5;

const runDir = path.join(folder, 'run');
const saved = path.join(folder, 'saved');
const checkpointOf = (step) => path.join('checkpoints', `step-${String(step).padStart(8, '0')}`);

export async function measureResumes() {
  writeCorpora();
  writeFileSync(
    configOf('tiny'),
    `task: classify
data: { train: ${folder}/rows.csv, validation: 0.2, storeDir: ${folder}/stores }
model: { embedding: 4, layers: [{ hiddenSize: 4 }] }
train: { batchSize: 2, epochs: 10000, maxSteps: ${EARLY}, shards: 2, evaluateEverySteps: 50000, checkpoint: { everySteps: 50000 } }
`,
  );
  await train();
  cpSync(path.join(runDir, checkpointOf(EARLY)), path.join(folder, 'early'), { recursive: true });
  await train('--resume', '--set', `train.maxSteps=${LATE}`);
  cpSync(runDir, saved, { recursive: true });
  const times = { [EARLY]: [], [LATE]: [] };
  // In turns, so that what else the machine does meets both.
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    for (const step of [EARLY, LATE]) times[step].push(await timeResume(step));
  }
  for (const step of [EARLY, LATE]) {
    const shown = times[step].map((seconds) => seconds.toFixed(3)).join(', ');
    say(`Resume at step ${step}: median ${median(times[step]).toFixed(3)} s (${shown})`);
  }
  clear();
}

async function train(...options) {
  const args = ['train', '--config', configOf('tiny'), '--run-dir', runDir, '--workers', '1'];
  const { status, stderr } = await startProgram([...args, ...options]).ended;
  if (status !== 0) fail(`Training failed: ${stderr.trim()}`);
}

/** Seconds from the start of the process to the first step in the log, which is that of the whole run each time. */
async function timeResume(step) {
  rmSync(runDir, { recursive: true });
  cpSync(saved, runDir, { recursive: true });
  if (step === EARLY) {
    rmSync(path.join(runDir, 'checkpoints'), { recursive: true });
    cpSync(path.join(folder, 'early'), path.join(runDir, checkpointOf(EARLY)), { recursive: true });
  }
  const log = path.join(runDir, 'metrics.jsonl');
  const args = ['train', '--config', configOf('tiny'), '--run-dir', runDir, '--workers', '1'];
  const set = ['--resume', '--set', `train.maxSteps=${LATE + 1000}`];
  const { child, start, ended } = startProgram([...args, ...set]);
  const begun = `"fromStep":${step},`;
  while (child.exitCode === null) {
    const tail = readTail(log);
    const at = tail.lastIndexOf(begun);
    if (at !== -1 && tail.indexOf('"type":"step"', at) !== -1) break;
    await sleep(1);
  }
  const seconds = (performance.now() - start) / 1000;
  child.kill('SIGKILL');
  const { status, stderr } = await ended;
  if (status) fail(`The resume at step ${step} failed: ${stderr.trim()}`);
  return seconds;
}

/** The last lines of a file. */
function readTail(file) {
  const descriptor = openSync(file);
  const bytes = Buffer.alloc(2 ** 15);
  const { size } = fstatSync(descriptor);
  const read = readSync(descriptor, bytes, 0, bytes.length, Math.max(0, size - bytes.length));
  closeSync(descriptor);
  return bytes.toString('latin1', 0, read);
}
