/** Whether clients of the metrics server can slow a training or have it take more memory, whatever they do. */
import { spawn } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import path from 'node:path';
import { clearInterval, setInterval } from 'node:timers';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
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

/** Quiet and disturbed stretches in turns, so that what else the machine does meets both. */
const PAIRS = 24;
const STRETCH_MS = 5_000;
/** Before anything is measured: the memory of a young process is still finding its size. */
const WARM_UP_MS = 15_000;
/** A scraper and a page are always there: what they cost is not the disturbers'. */
const SCRAPE_EVERY_MS = 1_000;
/** At both ends of a stretch, when clients come and go. */
const MARGIN_MS = 500;

/** Clients are elsewhere as a rule: what they compute themselves is not the training's, and has a core to itself here. */
const WORKERS = Math.max(1, availableParallelism() - 1);

const SLOWDOWN_ALLOWED = 0.02;
const GROWTH_ALLOWED = 20e6;

export async function measureClients() {
  writeCorpora();
  writeFileSync(
    configOf('served'),
    `task: classify
data: { train: ${folder}/rows.csv, validation: 0, storeDir: ${folder}/stores }
model: { embedding: 64, layers: [{ hiddenSize: 128 }] }
train: { batchSize: 32, epochs: 1000000, checkpoint: { everySteps: 1000000 } }
workers: ${WORKERS}
metrics: { port: 0, lastScrapeSeconds: 0 }
`,
  );
  const runDir = path.join(folder, 'run');
  const run = startProgram(['train', '--config', configOf('served'), '--run-dir', runDir]);
  const port = await awaitPort(run.child);
  const scraper = setInterval(() => void scrape(port), SCRAPE_EVERY_MS);
  await sleep(WARM_UP_MS);
  const stretches = [];
  for (let i = 0; i < 2 * PAIRS; i++) {
    // Which comes first changes from pair to pair.
    const disturbed = (i + Math.floor(i / 2)) % 2 === 1;
    const stretch = await measureStretch(run.child.pid, disturbed ? port : undefined);
    stretches.push({ ...stretch, disturbed });
  }
  clearInterval(scraper);
  run.child.kill('SIGTERM');
  const { stderr } = await run.ended;
  if (/metrics server has failed/.test(stderr)) fail(`The server has failed: ${stderr}`);
  report(stretches, readSteps(runDir));
  clear();
}

async function scrape(port) {
  for (const page of ['metrics', 'status.json']) {
    // Among a flood it may be turned away.
    await fetch(`http://127.0.0.1:${port}/${page}`).then(
      (answer) => answer.text().catch(() => undefined),
      () => undefined,
    );
  }
}

function awaitPort(child) {
  return new Promise((resolve) => {
    let text = '';
    const hear = (chunk) => {
      text += chunk;
      const found = /Live page at http:\/\/127\.0\.0\.1:(\d+)\//.exec(text);
      // By then the first steps are done.
      if (!found || !text.includes('Step ')) return;
      child.stderr.off('data', hear);
      child.off('close', giveUp);
      resolve(Number(found[1]));
    };
    const giveUp = () => fail(`The training ended too early: ${text}`);
    child.stderr.on('data', hear);
    child.on('close', giveUp);
  });
}

/** @param port of the server to disturb, if any */
async function measureStretch(pid, port) {
  const from = Date.now();
  const clients = port === undefined ? undefined : startClients(port);
  let resident = 0;
  while (Date.now() < from + STRETCH_MS) {
    resident = Math.max(resident, readResident(pid));
    await sleep(100);
  }
  const to = Date.now();
  return { from, to, resident, clients: await clients };
}

function startClients(port) {
  const script = fileURLToPath(new URL('hostile-clients.js', import.meta.url));
  const child = spawn(process.execPath, [script, String(port), String(STRETCH_MS / 1000)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  return new Promise((resolve) => child.on('close', () => resolve(JSON.parse(output))));
}

/** Bytes; NaN where there is no /proc. */
function readResident(pid) {
  try {
    return 1024 * Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'))[1]);
  } catch {
    return NaN;
  }
}

function readSteps(runDir) {
  return readFileSync(path.join(runDir, 'metrics.jsonl'), 'utf8')
    .split('\n')
    .filter((line) => line.includes('"type":"step"'))
    .map((line) => JSON.parse(line))
    .map(({ time, duration }) => ({ end: Date.parse(time), duration }));
}

function report(stretches, steps) {
  const told = stretches.map((stretch) => {
    const { from, to, disturbed, resident, clients } = stretch;
    const own = steps.filter(({ end }) => end > from + MARGIN_MS && end < to - MARGIN_MS);
    const mean = own.reduce((sum, { duration }) => sum + duration, 0) / own.length;
    const middle = median(own.map(({ duration }) => duration));
    const show = (seconds) => `${(1000 * seconds).toFixed(3)} ms`;
    say(
      `${disturbed ? 'disturbed' : 'quiet    '}: ${own.length} steps, mean ${show(mean)}, median ${show(middle)}, ` +
        `resident ${(resident / 2 ** 20).toFixed(1)} MiB${clients ? `, clients: ${JSON.stringify(clients)}` : ''}`,
    );
    return { mean, resident, disturbed };
  });
  const pairs = Array.from({ length: PAIRS }, (_, i) => {
    const pair = told.slice(2 * i, 2 * i + 2);
    const [quiet, disturbed] = [false, true].map((is) => pair.find((s) => s.disturbed === is));
    return disturbed.mean / quiet.mean - 1;
  });
  const most = (disturbed) =>
    Math.max(...told.filter((s) => s.disturbed === disturbed).map(({ resident }) => resident));
  const slowdown = median(pairs);
  const growth = most(true) - most(false);
  const middleHalf = [...pairs].sort((a, b) => a - b).slice(PAIRS / 4, (3 * PAIRS) / 4);
  const percent = (share) => `${(100 * share).toFixed(1)} %`;
  say(
    `Steps take ${percent(slowdown)} longer while clients disturb: median of ${PAIRS} pairs, half of which lie from ` +
      `${percent(middleHalf.at(0))} to ${percent(middleHalf.at(-1))}.`,
  );
  say(`Resident memory is at most ${(growth / 2 ** 20).toFixed(1)} MiB larger.`);
  if (slowdown > SLOWDOWN_ALLOWED) fail(`Expected at most ${100 * SLOWDOWN_ALLOWED} %.`);
  if (growth > GROWTH_ALLOWED) fail(`Expected at most ${GROWTH_ALLOWED / 1e6} MB.`);
}
