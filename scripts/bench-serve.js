/**
 * Requests a second and how long they take, of `lockstep serve` and of the same weights in onnxruntime-node and TensorFlow.js behind the same kind of handler.
 * Usage: node scripts/bench-serve.js RUN TEXTS.csv [PEERS] [SECONDS] [ROUNDS]
 *
 * RUN is a classifier of one LSTM layer (configs/keras-seed.yaml), TEXTS a CSV with a column `text`, PEERS a folder with some of the peers installed
 * (npm install fastify@5.12.8 onnxruntime-node@1.23.0 @tensorflow/tfjs@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0). Each request has one text. Clients are connections of
 * wrk (apt install wrk), each of which asks again when it has been answered: written in C, it takes little of the cores that it shares with the server, so that the server is
 * what is measured. All servers run from the beginning and take turns, in each round for SECONDS with so and so many clients; told are the medians of the rounds, and of the
 * requests a second the quartiles, too. The last columns are the processor time a request: of the server's main thread, of the server with all its threads, and of wrk (Linux).
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { readExamples } from '../dist/src/index.js';

const [run, file, peers, seconds = '5', rounds = '5'] = process.argv.slice(2);
const CLIENTS = [1, 16, 256];
const WARM_UP_SECONDS = 1;
const scriptOf = (name) => fileURLToPath(new URL(name, import.meta.url));
const hasPeer = (name) => peers !== undefined && existsSync(path.join(peers, 'node_modules', name));
const commands = {
  lockstep: [scriptOf('../bin/lockstep.js'), 'serve', run, '--port', '0'],
  ...(hasPeer('onnxruntime-node') && {
    'onnxruntime-node': [scriptOf('serve-peer.js'), 'onnxruntime', run, peers],
  }),
  ...(hasPeer('@tensorflow/tfjs') && {
    'TensorFlow.js (wasm)': [scriptOf('serve-peer.js'), 'tensorflow', run, peers],
  }),
};

const bodies = [];
for await (const { text } of readExamples([file], { text: 'text', header: true })) {
  // As much as a request may have of it matters: the model reads a hundred words.
  bodies.push(JSON.stringify({ texts: [text.slice(0, 2000)] }));
  if (bodies.length === 500) break;
}

const folder = mkdtempSync(path.join(tmpdir(), 'bench-serve-'));
const script = path.join(folder, 'ask.lua');
writeFileSync(script, askingScript(bodies));
const servers = [];
try {
  for (const [name, argv] of Object.entries(commands)) {
    const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
    servers.push({ name, child, url: await urlOf(child), found: CLIENTS.map(() => []) });
  }
  await compareAnswers();
  for (let round = 0; round <= Number(rounds); round++) {
    for (const [i, clients] of CLIENTS.entries()) {
      for (const { child, url, found } of servers) {
        const isWarmUp = round === 0;
        const told = await load(url, clients, isWarmUp ? WARM_UP_SECONDS : seconds, child.pid);
        if (!isWarmUp) found[i].push(told);
      }
    }
  }
  report();
} finally {
  for (const { child } of servers) {
    child.kill('SIGTERM');
    await once(child, 'exit');
  }
  rmSync(folder, { recursive: true });
}

/** Has wrk send the bodies in turn, and tell what came of it as JSON. */
function askingScript(bodies) {
  // Between the brackets Lua takes every character as it is, but for a newline that comes first.
  const quote = (text) => `[====[${text}]====]`;
  return `local requests = {}
local headers = { ["Content-Type"] = "application/json" }
function init()
  for i, body in ipairs({ ${bodies.map(quote).join(',\n')} }) do
    requests[i] = wrk.format("POST", "/predict", headers, body)
  end
end
local next = 0
function request()
  next = next % #requests + 1
  return requests[next]
end
function done(summary, latency)
  local failed = summary.errors
  io.write(string.format('{"answers":%d,"seconds":%f,"p50":%f,"p99":%f,"computed":%f,"failed":%d}',
    summary.requests, summary.duration / 1e6, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, os.clock(),
    failed.connect + failed.read + failed.write + failed.status + failed.timeout))
end
`;
}

function urlOf(server) {
  let told = '';
  return new Promise((resolve, reject) => {
    server.stdout.on('data', (chunk) => {
      told += chunk;
      const url = /at (http:\S+) \(/.exec(told)?.[1];
      if (url !== undefined) resolve(url);
    });
    server.on('exit', () => reject(new Error('the server has ended')));
  });
}

/** What answers fast has to answer the same. */
async function compareAnswers() {
  let expected;
  for (const { name, url } of servers) {
    const answers = [];
    for (const body of bodies.slice(0, 50)) answers.push((await ask(url, body)).predictions[0]);
    expected ??= answers;
    const far = Math.max(
      ...answers.map(({ label, probability }, i) =>
        label === expected[i].label ? Math.abs(probability - expected[i].probability) : 1,
      ),
    );
    if (far > 1e-4) throw new Error(`${name} answers otherwise than lockstep, by ${far}`);
  }
}

/** Has clients ask for a while. */
async function load(url, clients, forSeconds, pid) {
  const before = processorSeconds(pid);
  const { stdout } = await promisify(execFile)('wrk', [
    ...[
      '-t',
      '1',
      '-c',
      clients,
      '-d',
      `${forSeconds}s`,
      '--timeout',
      '30s',
      '-s',
      script,
      url,
    ].map(String),
  ]);
  const after = processorSeconds(pid);
  const told = JSON.parse(/^\{.*\}$/m.exec(stdout)[0]);
  if (told.failed > 0) throw new Error(`${told.failed} requests have failed`);
  const perAnswer = (used) => (1000 * used) / told.answers;
  return {
    perSecond: told.answers / told.seconds,
    p50: told.p50,
    p99: told.p99,
    mainMs: perAnswer(after.main - before.main),
    serverMs: perAnswer(after.all - before.all),
    clientMs: perAnswer(told.computed),
  };
}

/** Of a process: its main thread, and all its threads. */
function processorSeconds(pid) {
  const read = (file) => {
    const stat = readFileSync(file, 'latin1');
    const [user, system] = stat
      .slice(stat.lastIndexOf(')') + 2)
      .split(' ')
      .slice(11, 13);
    return (Number(user) + Number(system)) / 100;
  };
  return { main: read(`/proc/${pid}/task/${pid}/stat`), all: read(`/proc/${pid}/stat`) };
}

function report() {
  console.log(
    `| server | clients | requests/s (quartiles) | p50 ms | p99 ms | main thread ms | processor ms | client ms |
| --- | --- | --- | --- | --- | --- | --- | --- |`,
  );
  for (const { name, found } of servers) {
    CLIENTS.forEach((clients, i) => {
      const at = (key, share) => {
        const sorted = found[i].map((each) => each[key]).sort((a, b) => a - b);
        const place = share * (sorted.length - 1);
        const [low, high] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
        return low + (high - low) * (place % 1);
      };
      const [low, middle, high] = [0.25, 0.5, 0.75].map((s) => Math.round(at('perSecond', s)));
      const [p50, p99] = ['p50', 'p99'].map((key) => at(key, 0.5).toFixed(1));
      const costs = ['mainMs', 'serverMs', 'clientMs'].map((key) => at(key, 0.5).toFixed(3));
      console.log(
        `| ${[name, clients, `${middle} (${low} to ${high})`, p50, p99, ...costs].join(' | ')} |`,
      );
    });
  }
}

function ask(url, body) {
  return new Promise((resolve, reject) => {
    const asking = request(
      `${url}/predict`,
      {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) },
      },
      (answer) => {
        const chunks = [];
        answer.on('data', (chunk) => chunks.push(chunk));
        answer.on('error', reject);
        answer.on('end', () => {
          const told = Buffer.concat(chunks).toString();
          if (answer.statusCode === 200) resolve(JSON.parse(told));
          else reject(new Error(`${answer.statusCode}: ${told}`));
        });
      },
    );
    asking.on('error', reject);
    asking.end(body);
  });
}
