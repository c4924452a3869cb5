/** Runs that are killed, stopped and resumed, on threads that die: in the end they have the bytes of undisturbed ones. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { planDeaths } from '../../test/faults/deaths.js';
import {
  clear,
  createDice,
  digest,
  fail,
  folder,
  inTeams,
  models,
  say,
  startTraining,
  STEPS,
  trainUndisturbed,
  writeCorpora,
} from './workplace.js';

/** Trains both models over and over, each process with a fate drawn by lot, until the time is over. */
export async function disturbAtRandom({ minutes, seed, precision }) {
  const dice = createDice(seed);
  const until = performance.now() + minutes * 60_000;
  writeCorpora(precision);
  say(`Seed ${seed}, runs in ${folder}`);
  const expected = new Map();
  for (const name of models) expected.set(name, await trainUndisturbed(name));
  const counts = { runs: 0, starts: 0, SIGKILL: 0, SIGTERM: 0, deaths: 0, damaged: 0 };
  do {
    const name = models[counts.runs % models.length];
    const runDir = path.join(folder, `${name}-${counts.runs}`);
    await trainThroughSignals(name, runDir, dice, counts);
    counts.runs++;
    expectEqual(runDir, expected.get(name));
    rmSync(runDir, { recursive: true });
    say(
      `${counts.runs} runs equal: ${counts.starts} starts, ${counts.SIGKILL} times SIGKILL, ` +
        `${counts.SIGTERM} times SIGTERM, ${counts.deaths} workers died, ${counts.damaged} damaged checkpoints`,
    );
  } while (performance.now() < until);
  clear();
}

async function trainThroughSignals(name, runDir, dice, counts) {
  const options = [];
  for (let finished = false; !finished;) {
    const workers = 1 + dice(4);
    const reckless = fileURLToPath(new URL('reckless-worker.js', import.meta.url));
    const deadly = dice(2) === 0 ? ['--worker-file', reckless] : [];
    const run = startTraining(name, runDir, workers, [...options, ...deadly], (event) => {
      if (event.type === 'end') finished = event.reason === 'finished';
      if (event.type === 'worker') counts.deaths++;
      if (event.type === 'notice' && event.message.includes('damaged')) counts.damaged++;
      // From here on there is a run to resume.
      if (event.type === 'start' && options.length === 0) options.push('--resume');
    });
    counts.starts++;
    const signal = dice(3) === 0 ? 'SIGTERM' : 'SIGKILL';
    // Some die before they have begun.
    if (dice(8) > 0 || options.length === 0) await run.started;
    await sleep(dice(600));
    if (run.child.kill(signal)) counts[signal]++;
    const { status, stderr } = await run.ended;
    if (status) fail(`A run of ${name} in ${runDir} ended with status ${status}: ${stderr.trim()}`);
  }
}

/** Trains each model once; the process gets `signal` at `count` random steps and goes on with other workers. */
export async function strikeProcesses(signal, count, seed, precision) {
  const dice = createDice(seed);
  writeCorpora(precision);
  say(`Seed ${seed}, runs in ${folder}`);
  for (const name of models) {
    const expected = await trainUndisturbed(name);
    const runDir = path.join(folder, `${name}-struck`);
    const options = [];
    for (let strike = 0; strike <= count; strike++) {
      // Behind the last one it goes on to the end.
      const at =
        strike === count ? Infinity : Math.floor(((strike + dice(1000) / 1000) * STEPS) / count);
      const run = startTraining(name, runDir, 1 + dice(4), options, ({ type, step }) => {
        if (type === 'start' && options.length === 0) options.push('--resume');
        if (type === 'step' && step >= at) run.child.kill(signal);
      });
      const { status, stderr } = await run.ended;
      if (status) fail(`Strike ${strike}: status ${status}: ${stderr.trim()}`);
    }
    expectEqual(runDir, expected);
    say(`${name}: equal after ${count} times ${signal} in one run`);
  }
  clear();
}

/** Trains each model once, on threads that die `count` times at random places of the run, in every way there is. */
export async function strikeThreads(count, seed, precision) {
  const dice = createDice(seed);
  writeCorpora(precision);
  say(`Seed ${seed}, runs in ${folder}`);
  for (const name of models) {
    const expected = await trainUndisturbed(name);
    const met = path.join(folder, `${name}-deaths`);
    mkdirSync(met);
    const { href } = new URL('../../test/faults/deaths.js', import.meta.url);
    const workerFile = path.join(folder, `${name}-worker.mjs`);
    const deaths = planDeaths(count, STEPS, dice, { inTeams: inTeams.has(name), precision });
    writeFileSync(
      workerFile,
      `import { joinPlanned } from ${JSON.stringify(href)};\n` +
        `export default joinPlanned(${JSON.stringify(met)}, ${JSON.stringify(deaths)});\n`,
    );
    const runDir = path.join(folder, `${name}-struck`);
    let heard = 0;
    const run = startTraining(name, runDir, 3, ['--worker-file', workerFile], ({ type }) => {
      if (type === 'worker') heard++;
    });
    const { status, stderr } = await run.ended;
    if (status !== 0) fail(`${name}: status ${status}: ${stderr.trim()}`);
    if (readdirSync(met).length !== count) fail(`${name}: only ${readdirSync(met).length} deaths`);
    expectEqual(runDir, expected);
    say(`${name}: equal after ${count} deaths, ${heard} of them heard of as events`);
  }
  clear();
}

function expectEqual(runDir, expected) {
  const result = digest(runDir);
  if (result !== expected) fail(`${runDir}: expected ${expected}, got ${result}`);
}
