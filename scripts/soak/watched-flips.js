/** `--flips`: changes bytes on a thread for each task, and says from outside how far it is. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { clearInterval, setInterval } from 'node:timers';
import { fileURLToPath } from 'node:url';
import { isMainThread, parentPort, Worker, workerData } from 'node:worker_threads';
import { flipCorpus, isBad, tasks } from './flips.js';

/** A trial takes some milliseconds; one that takes so long will not end. */
const hangsAfterMs = 60_000;
const sayEveryMs = 15_000;

/** @param task Both by default. */
export async function measureFlips(task) {
  const folder = mkdtempSync(path.join(tmpdir(), 'lockstep-flips-'));
  const began = performance.now();
  const outcomes = await Promise.all(
    (task === undefined ? tasks : [task]).map((each) => watch(each, folder)),
  );
  const bad = outcomes.reduce((sum, count) => sum + count, 0);
  const seconds = Math.round((performance.now() - began) / 1000);
  if (bad > 0) {
    console.log(`${bad} changes that were not heeded, in ${seconds} s; see ${folder}.`);
    process.exitCode = 1;
    return;
  }
  rmSync(folder, { recursive: true });
  console.log(`Nothing different, nothing hanging, in ${seconds} s.`);
}

/** Has the bytes of a task's corpus changed on a thread of its own; gives how many of the outcomes are bad. */
async function watch(task, folder) {
  const counts = {};
  let bad = 0;
  let last;
  let heard = performance.now();
  const thread = new Worker(fileURLToPath(import.meta.url), { workerData: { task, folder } });
  const say = () => {
    const { part, done, of } = last;
    console.log(`${task}, ${part}: ${done} of ${of}, ${JSON.stringify(counts[part] ?? {})}`);
  };
  const take = ({ part, what, outcome }) => {
    const kind = outcome.startsWith('fails') ? 'fails' : outcome;
    counts[part] = { ...counts[part], [kind]: (counts[part]?.[kind] ?? 0) + 1 };
    if (!isBad(outcome)) return;
    bad += 1;
    console.log(`${task}, ${part}, ${what}: ${outcome}`);
  };
  const timer = setInterval(() => {
    if (last === undefined) return;
    say();
    if (performance.now() - heard < hangsAfterMs) return;
    take({ ...last, outcome: 'hanging' });
    void thread.terminate();
  }, sayEveryMs);
  thread.on('message', (trial) => {
    heard = performance.now();
    if (last !== undefined && last.part !== trial.part) say();
    last = trial;
    if (trial.outcome !== undefined) take(trial);
  });
  try {
    await new Promise((resolve, reject) => thread.on('error', reject).on('exit', resolve));
    say();
    return bad;
  } finally {
    clearInterval(timer);
  }
}

if (!isMainThread) {
  const { task, folder } = workerData;
  await flipCorpus(task, folder, 1, (trial) => parentPort.postMessage(trial));
}
