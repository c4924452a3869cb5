/** Whether clients of `lockstep serve` that do what clients should not can keep others waiting, or lose them an answer. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, request } from 'node:http';
import path from 'node:path';
import { performance } from 'node:perf_hooks';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { writeFileSync } from 'node:fs';
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
const PAIRS = 8;
const STRETCH_MS = 3_000;
const MARGIN_MS = 500;
const BETWEEN_MS = 10;

export async function measureServedClients() {
  writeCorpora();
  writeFileSync(
    configOf('served'),
    `task: classify
data: { train: ${folder}/rows.csv, storeDir: ${folder}/stores }
model: { embedding: 64, layers: [{ hiddenSize: 128 }] }
train: { batchSize: 32, maxSteps: 20 }
`,
  );
  const runDir = path.join(folder, 'run');
  const training = startProgram(['train', '--config', configOf('served'), '--run-dir', runDir]);
  const trained = await training.ended;
  if (trained.status !== 0) fail(`The training has failed: ${trained.stderr}`);
  const program = fileURLToPath(new URL('../../bin/lockstep.js', import.meta.url));
  const server = spawn(process.execPath, [program, 'serve', runDir, '--port', '0'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(server, 'close');
  const port = await portOf(server);
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  await stretch(port, agent);
  const pairs = [];
  for (let i = 0; i < PAIRS; i++) {
    const pair = {};
    // Which comes first changes from pair to pair.
    for (const kind of i % 2 === 0 ? ['quiet', 'disturbed'] : ['disturbed', 'quiet']) {
      const clients = kind === 'disturbed' ? startClients(port) : undefined;
      await sleep(MARGIN_MS);
      const times = await stretch(port, agent);
      pair[kind] = median(times);
      const slowest = Math.max(...times).toFixed(1);
      const told = clients ? `, clients: ${await clients}` : '';
      say(
        `${kind}: ${times.length} answers, half within ${pair[kind].toFixed(2)} ms, all within ${slowest} ms${told}`,
      );
    }
    pairs.push(pair);
  }
  server.kill('SIGTERM');
  await ended;
  const slowdown = median(pairs.map(({ quiet, disturbed }) => disturbed / quiet));
  say(
    `An answer takes ${slowdown.toFixed(2)} times as long while clients disturb: median of ${PAIRS} pairs of medians; none was lost.`,
  );
  clear();
}

function portOf(child) {
  return new Promise((resolve) => {
    let text = '';
    child.stdout.on('data', (chunk) => {
      text += chunk;
      const found = /at http:\S+:(\d+) \(/.exec(text);
      if (found) resolve(Number(found[1]));
    });
    child.on('close', (status) => {
      // It ends well where it is asked to.
      if (!child.killed || status !== 0) fail(`The server ended too early: ${text}`);
    });
  });
}

/** A client that asks for one text after the other. @returns how long each answer took, in milliseconds */
async function stretch(port, agent) {
  const times = [];
  const end = performance.now() + STRETCH_MS;
  while (performance.now() < end) {
    const asked = performance.now();
    const status = await ask(port, agent);
    if (status !== 200) fail(`A client that does no harm was refused with status ${status}`);
    times.push(performance.now() - asked);
    await sleep(BETWEEN_MS);
  }
  return times;
}

async function ask(port, agent) {
  const body = JSON.stringify({ texts: ['some words that somebody has written'] });
  const asking = request({
    ...{ port, agent, host: '127.0.0.1', path: '/predict', method: 'POST' },
    headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) },
  });
  asking.end(body);
  const [answer] = await once(asking, 'response');
  answer.resume();
  await once(answer, 'end');
  return answer.statusCode;
}

/** @returns what they have done, when they have ended */
function startClients(port) {
  const script = fileURLToPath(new URL('hostile-clients.js', import.meta.url));
  const seconds = (STRETCH_MS + 2 * MARGIN_MS) / 1000;
  const child = spawn(process.execPath, [script, String(port), String(seconds)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let output = '';
  child.stdout.on('data', (chunk) => (output += chunk));
  return once(child, 'close').then(() => output);
}
