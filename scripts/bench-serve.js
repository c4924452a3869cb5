/**
 * Requests a second and how long they take, of `lockstep serve` and of the same weights in onnxruntime-node and TensorFlow.js behind the same kind of handler.
 * Usage: node scripts/bench-serve.js RUN TEXTS.csv [PEERS] [SECONDS]
 *
 * RUN is a classifier of one LSTM layer (configs/keras-seed.yaml), TEXTS a CSV with a column `text`, PEERS a folder with the peers installed
 * (npm install fastify@5.12.8 onnxruntime-node@1.23.0 @tensorflow/tfjs@4.22.0 @tensorflow/tfjs-backend-wasm@4.22.0). Each request has one text. Clients are connections of
 * one process beside the server's, each of which asks again when it has been answered: both share the machine's cores, so that the clients do as little as they can. The
 * last column is the processor time of the server, all its threads together, which says more than the others where the machine has other work (Linux).
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { performance } from 'node:perf_hooks';
import { fileURLToPath } from 'node:url';
import { readExamples } from '../dist/src/index.js';

const [run, file, peers, seconds = '5'] = process.argv.slice(2);
const CLIENTS = [1, 16, 256];
const scriptOf = (name) => fileURLToPath(new URL(name, import.meta.url));
const servers = {
  lockstep: [scriptOf('../bin/lockstep.js'), 'serve', run, '--port', '0'],
  ...(peers !== undefined && {
    'onnxruntime-node': [scriptOf('serve-peer.js'), 'onnxruntime', run, peers],
    'TensorFlow.js (wasm)': [scriptOf('serve-peer.js'), 'tensorflow', run, peers],
  }),
};

const bodies = [];
for await (const { text } of readExamples([file], { text: 'text', header: true })) {
  // As much as a request may have of it matters: the model reads a hundred words.
  bodies.push(JSON.stringify({ texts: [text.slice(0, 2000)] }));
  if (bodies.length === 500) break;
}

const requests = bodies.map((body) =>
  Buffer.from(
    `POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  ),
);

const rows = [];
let expected;
for (const [name, argv] of Object.entries(servers)) {
  const server = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
  try {
    const url = await urlOf(server);
    const answers = [];
    for (const body of bodies.slice(0, 50)) answers.push((await ask(url, body)).predictions[0]);
    expected ??= answers;
    const far = Math.max(
      ...answers.map(({ label, probability }, i) =>
        label === expected[i].label ? Math.abs(probability - expected[i].probability) : 1,
      ),
    );
    if (far > 1e-4) throw new Error(`${name} answers otherwise than lockstep, by ${far}`);
    for (const clients of CLIENTS) {
      await load(url, clients, Math.min(2, Number(seconds) / 2), server.pid);
      rows.push({ name, clients, ...(await load(url, clients, Number(seconds), server.pid)) });
      console.error(JSON.stringify(rows.at(-1)));
    }
  } finally {
    server.kill('SIGTERM');
    await once(server, 'exit');
  }
}
console.log(
  '| server | clients | requests/s | p50 ms | p99 ms | processor ms |\n| --- | --- | --- | --- | --- | --- |',
);
for (const { name, clients, perSecond, p50, p99, processorMs } of rows) {
  console.log(
    `| ${name} | ${clients} | ${Math.round(perSecond)} | ${p50.toFixed(1)} | ${p99.toFixed(1)} | ${processorMs.toFixed(2)} |`,
  );
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

/** Has clients ask for a while. @returns how many were answered in a second, and how long they waited, in milliseconds */
async function load(url, clients, forSeconds, pid) {
  const times = [];
  const computed = processorSeconds(pid);
  const start = performance.now();
  const end = start + 1000 * forSeconds;
  let next = 0;
  const client = async () => {
    const connection = await open(url);
    while (performance.now() < end) {
      const asked = performance.now();
      await connection.ask(requests[next++ % requests.length]);
      times.push(performance.now() - asked);
    }
    connection.close();
  };
  await Promise.all(Array.from({ length: clients }, client));
  const took = (performance.now() - start) / 1000;
  const processorMs = (1000 * (processorSeconds(pid) - computed)) / times.length;
  times.sort((a, b) => a - b);
  const at = (share) => times[Math.min(times.length - 1, Math.floor(share * times.length))];
  return { perSecond: times.length / took, p50: at(0.5), p99: at(0.99), processorMs };
}

/** A client's connection: a client of Node's own would take as much of the processor as the server. */
async function open(url) {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.setNoDelay(true);
  await once(socket, 'connect');
  let answered;
  let got = '';
  socket.on('data', (chunk) => {
    got += chunk.toString('latin1');
    const head = got.indexOf('\r\n\r\n');
    if (head < 0) return;
    const length = Number(/^content-length: (\d+)/im.exec(got)[1]);
    if (got.length < head + 4 + length) return;
    const isWell = got.startsWith('HTTP/1.1 200 ') && got.includes('"probabilities":');
    const { resolve, reject } = answered;
    const told = got;
    got = '';
    if (isWell) resolve();
    else reject(new Error(told));
  });
  socket.on('close', () => answered?.reject(new Error('the server has closed a connection')));
  return {
    ask(bytes) {
      socket.write(bytes);
      return new Promise((resolve, reject) => (answered = { resolve, reject }));
    },
    close: () => socket.destroy(),
  };
}

/** Of a process and all its threads. */
function processorSeconds(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
  const [user, system] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .slice(11, 13);
  return (Number(user) + Number(system)) / 100;
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
