/**
 * Clients of a metrics server that do what clients should not, all at once: a process of its own, started by clients.js.
 *
 *   node scripts/soak/hostile-clients.js PORT SECONDS
 *
 * They reach loopback only, are bounded in number and time, and have the lowest priority: what they compute themselves is
 * not to be measured.
 */
import { connect } from 'node:net';
import { setPriority } from 'node:os';
import { performance } from 'node:perf_hooks';
import { clearTimeout, setTimeout } from 'node:timers';
import { setTimeout as sleep } from 'node:timers/promises';

const LONGEST_SECONDS = 120;
/** After this long a connection that has come to nothing is given up. */
const PATIENCE_MS = 5000;

const [port, seconds] = process.argv.slice(2).map(Number);
const until = performance.now() + 1000 * Math.min(seconds, LONGEST_SECONDS);
const counts = { pipelines: 0, idle: 0, flood: 0, posts: 0, streams: 0, lookups: 0 };

const request = 'GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n';
const stream = 'GET /events?runs=run HTTP/1.1\r\nHost: localhost\r\n\r\n';
const lookup = 'GET /range?run=run&from=0&to=1000000000 HTTP/1.1\r\nHost: localhost\r\n\r\n';
const post = 'POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000000\r\n\r\n';

/** One connection: `act` uses it; resolves when it is closed, or given up. */
function dial(act) {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    const timer = setTimeout(() => socket.destroy(), PATIENCE_MS);
    socket.on('connect', () => act(socket));
    // Being thrown out is what these clients are for.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

/** Keeps `count` connections of a kind busy. */
function keep(name, count, pauseMs, act) {
  return Array.from({ length: count }, async () => {
    while (performance.now() < until) {
      await dial(act);
      counts[name]++;
      await sleep(pauseMs);
    }
  });
}

function pourWithoutEnd(socket, bytes) {
  const pour = () => {
    while (!socket.destroyed && performance.now() < until && socket.write(bytes));
  };
  socket.on('drain', pour);
  pour();
}

setPriority(19);
await Promise.all([
  ...keep('pipelines', 10, 50, (socket) => {
    socket.pause();
    pourWithoutEnd(socket, request.repeat(200));
  }),
  ...keep('idle', 500, 50, () => undefined),
  ...keep('flood', 20, 0, (socket) => {
    socket.write(request);
    socket.destroy();
  }),
  ...keep('posts', 4, 50, (socket) => {
    socket.resume();
    socket.write(post);
    pourWithoutEnd(socket, Buffer.alloc(100_000, 'x'));
  }),
  // Pages that do not read, and that look into the log again and again.
  ...keep('streams', 24, 50, (socket) => {
    socket.pause();
    socket.write(stream);
  }),
  ...keep('lookups', 8, 0, (socket) => {
    socket.resume();
    socket.write(lookup);
  }),
]);
const { user, system } = process.cpuUsage();
process.stdout.write(JSON.stringify({ ...counts, computed: (user + system) / 1e6 }));
