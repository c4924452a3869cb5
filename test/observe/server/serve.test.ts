import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { UserError } from '../../../src/errors.js';
import { trackHealth } from '../../../src/observe/health.js';
import { collectMetrics } from '../../../src/observe/metrics.js';
import {
  serveMetrics,
  type MetricsServer,
  type MetricsServerOptions,
} from '../../../src/observe/server/serve.js';
import { trackStatus } from '../../../src/observe/status.js';
import { sharedClock } from '../../../src/system/monotonic.js';
import { packageFile } from '../../../src/package-root.js';
import { startEvent, stepEvent } from '../events.js';

const folder = mkdtempSync(join(tmpdir(), 'lockstep-server-'));
afterAll(() => rmSync(folder, { recursive: true }));

const metrics = collectMetrics();
const status = trackStatus();
const health = trackHealth();
let heard: string[] = [];
let server: MetricsServer;

function open(changes: Partial<MetricsServerOptions> = {}): Promise<MetricsServer> {
  return serveMetrics({
    host: '127.0.0.1',
    port: 0,
    hosts: [],
    token: null,
    registry: metrics.registry,
    readStatus: status.read,
    signs: health.signs,
    run: { directory: folder, name: 'tiny', since: 0, config: { entries: [] } },
    notify: (message) => heard.push(message),
    ...changes,
  });
}

beforeEach(() => {
  heard = [];
});

/** Sends bytes as they are and gives all that comes back. */
function exchange(bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port: Number(new URL(server.url).port), host: '127.0.0.1' });
    let received = '';
    socket.on('data', (data) => (received += data.toString()));
    socket.on('end', () => resolve(received));
    socket.on('error', reject);
    socket.write(bytes);
  });
}

const get = (path: string, host = 'localhost', headers = '') =>
  exchange(`GET ${path} HTTP/1.1\r\nHost: ${host}\r\n${headers}\r\n`);
const statusOf = (answer: string) => Number(answer.split(' ')[1]);

describe('the metrics server', () => {
  beforeAll(async () => {
    server = await open();
  });
  afterAll(() => server.close());

  test('listens on this machine only, on a free port where 0 is asked for', () => {
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d+\/$/);
    expect(heard).toEqual([]);
  });

  test('gives Prometheus the metrics as they are now', async () => {
    metrics.observe(startEvent());
    metrics.observe(stepEvent(4));
    const response = await fetch(`${server.url}metrics`);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    expect(await response.text()).toContain('\nlockstep_train_loss 0.25\n');
  });

  test('gives the live page its status', async () => {
    status.observe(startEvent());
    status.observe(stepEvent(4));
    const response = await fetch(`${server.url}status.json?x=1`);
    expect(await response.json()).toMatchObject({ state: 'training', figures: { step: 4 } });
  });

  test('has a page that needs nothing from elsewhere', async () => {
    const response = await fetch(server.url);
    const page = await response.text();
    expect(response.headers.get('content-type')).toBe('text/html; charset=utf-8');
    expect(response.headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(page.replaceAll('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|src=|@import/);
  });

  test('answers the health check', async () => {
    const response = await fetch(`${server.url}healthz`);
    expect([response.status, await response.text()]).toEqual([200, 'ok\n']);
  });

  test('tells that a run does not get on, though the thread that trains hangs, to who has no token, too', async () => {
    const now = sharedClock();
    const hung = trackHealth(() => now() - 3_600_000);
    hung.observe(startEvent());
    hung.observe(stepEvent(1));
    const other = await open({ signs: hung.signs, token: 'a token of sixteen or more letters' });
    const answer = new Promise<string>((resolve, reject) => {
      const socket = connect({ port: Number(new URL(other.url).port), host: '127.0.0.1' });
      let received = '';
      socket.on('data', (data) => (received += data.toString()));
      socket.on('end', () => resolve(received));
      socket.on('error', reject);
      socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n');
    });
    // Nothing of this thread runs while the other one answers.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 300);
    const text = await answer;
    await other.close();
    expect(statusOf(text)).toBe(503);
    expect(text).toContain(
      'The training has made no step, evaluation or checkpoint for 1 h 0 min, and 1 min 0 s is the most that one should take.\n',
    );
  });

  test('is ready when training has begun', async () => {
    const ask = async () => {
      const response = await fetch(`${server.url}readyz`);
      return [response.status, await response.text()];
    };
    expect(await ask()).toEqual([
      503,
      'The data is still being prepared: training has not begun.\n',
    ]);
    health.observe(startEvent());
    expect(await ask()).toEqual([200, 'ok\n']);
  });

  test('gives OpenMetrics to who would rather have it, and the older format for it afterwards as before', async () => {
    metrics.observe(stepEvent(5));
    const ask = async (accept: string) => {
      const response = await fetch(`${server.url}metrics`, { headers: { accept } });
      return { type: response.headers.get('content-type'), text: await response.text() };
    };
    const open = await ask('application/openmetrics-text;version=1.0.0,text/plain;q=0.5,*/*;q=0.1');
    expect(open.type).toBe('application/openmetrics-text; version=1.0.0; charset=utf-8');
    expect(open.text).toMatch(/\n# TYPE lockstep_steps counter\nlockstep_steps_total \d\n/);
    expect(open.text).toContain('\nlockstep_step_duration_seconds_bucket{le="1.0"} ');
    expect(open.text.endsWith('\n# EOF\n')).toBe(true);
    const plain = await ask('text/plain;version=0.0.4;q=0.9, application/openmetrics-text;q=0.5');
    expect(plain.type).toMatch(/^text\/plain/);
    expect(plain.text).toMatch(/\n# TYPE lockstep_steps_total counter\nlockstep_steps_total \d\n/);
  });

  test('says what there is when asked for something else', async () => {
    const response = await fetch(`${server.url}metricz`);
    expect(response.status).toBe(404);
    expect(await response.text()).toBe(
      'There is no /metricz here; there are /, /events, /range, /at, /config, /status.json, /metrics, /healthz, /readyz.\n',
    );
  });

  test('takes no other methods', async () => {
    const response = await fetch(`${server.url}metrics`, { method: 'POST', body: 'x' });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect(await response.text()).toBe('/metrics takes GET requests, not POST.\n');
  });

  test('answers HEAD like GET, without the body', async () => {
    const response = await fetch(`${server.url}healthz`, { method: 'HEAD' });
    expect(response.headers.get('content-length')).toBe('3');
    expect(await response.text()).toBe('');
  });

  test('outlives an odd path', async () => {
    expect(statusOf(await get('//'))).toBe(404);
  });

  test.each([
    'attacker.example',
    'attacker.example:9464',
    '10.0.0.1',
    'localhost.attacker.example',
  ])('refuses requests for another name: %s', async (host) => {
    for (const path of ['/', '/status.json', '/metrics', '/healthz', '/readyz']) {
      expect(statusOf(await get(path, host))).toBe(403);
    }
  });

  test.each(['localhost', 'LOCALHOST:1', '127.0.0.1:9464', '[::1]'])(
    'answers requests for this machine: %s',
    async (host) => {
      expect(statusOf(await get('/healthz', host))).toBe(200);
    },
  );

  test('refuses a port in use with the key to change', async () => {
    const port = Number(new URL(server.url).port);
    await expect(open({ port })).rejects.toThrow(
      new UserError(
        `metrics.port: port ${port} of 127.0.0.1 is in use; choose another (0 picks a free one)`,
      ),
    );
  });

  test('refuses an address that is not of this machine', async () => {
    await expect(open({ host: '192.0.2.1' })).rejects.toThrow(
      new UserError('metrics.host: expected an address of this machine, got "192.0.2.1"'),
    );
  });
});

describe('where many ask', () => {
  afterEach(() => server.close());

  test('renders the metrics once for all who ask within half a second', async () => {
    let rendered = 0;
    const { registry } = metrics;
    const counting = Object.assign(Object.create(registry) as typeof registry, {
      metrics: () => {
        rendered++;
        return registry.metrics();
      },
    });
    server = await open({ registry: counting });
    const texts = await Promise.all(
      Array.from({ length: 40 }, async () => (await fetch(`${server.url}metrics`)).text()),
    );
    expect(new Set(texts).size).toBe(rendered);
    // More only where the machine takes longer than that for forty requests.
    expect(rendered).toBeLessThan(20);
  });
});

describe('where other machines can reach it', () => {
  afterEach(() => server.close());

  test('the server says so, and asks for a token where there is one', async () => {
    server = await open({ host: '0.0.0.0' });
    expect(heard.join()).toMatch(/^metrics\.host: 0\.0\.0\.0 can be reached from other machines/);
    await server.close();
    heard = [];
    server = await open({ host: '0.0.0.0', token: 'a-very-long-token' });
    expect(heard).toEqual([]);
    expect(statusOf(await get('/healthz'))).toBe(200);
    const refused = await get('/metrics');
    expect(statusOf(refused)).toBe(401);
    expect(refused).toMatch(/\r\nWWW-Authenticate: Basic realm="lockstep"\r\n/);
    const show = (value: string) => get('/metrics', 'localhost', `Authorization: ${value}\r\n`);
    expect(statusOf(await show('Bearer a-very-long-tokem'))).toBe(401);
    expect(statusOf(await show('Bearer a-very-long-token'))).toBe(200);
    expect(statusOf(await show(`Basic ${btoa('me:a-very-long-token')}`))).toBe(200);
  });

  test('it is known by addresses and by the names of the config, and by no others', async () => {
    server = await open({ host: '0.0.0.0', hosts: ['Trainer.example.org'] });
    expect(statusOf(await get('/healthz', 'trainer.example.org:9464'))).toBe(200);
    expect(statusOf(await get('/healthz', '10.0.0.1'))).toBe(200);
    expect(statusOf(await get('/healthz', 'example.org'))).toBe(403);
  });
});

describe('the end of a run', () => {
  afterEach(() => server.close());

  const scrape = () => get('/metrics', 'localhost', 'X-Prometheus-Scrape-Timeout-Seconds: 5\r\n');

  test('is not held up where no Prometheus has come', async () => {
    server = await open();
    await get('/metrics');
    await server.finish(60_000);
    await server.close();
    expect(heard).toEqual([]);
  });

  test('is shown to a Prometheus that has come before it', async () => {
    const run = collectMetrics();
    server = await open({ registry: run.registry });
    run.observe(startEvent());
    expect(await scrape()).toContain('\nlockstep_run_state{state="finished"} 0\n');
    run.observe({ type: 'end', reason: 'finished', step: 9, duration: 1, checkpoint: 'c' });
    await server.finish(60_000);
    run.close();
    const closed = server.close();
    expect(await scrape()).toContain('\nlockstep_run_state{state="finished"} 1\n');
    await closed;
    expect(heard.join()).toMatch(/^Waiting for up to 1 min 0 s until Prometheus has read/);
  });

  test('waits no longer than it is told to', async () => {
    server = await open();
    await scrape();
    await server.finish(1);
    await server.close();
    expect(heard).toEqual([]);
  });
});

describe('a serving thread that dies', () => {
  afterEach(() => server.close());

  /** Entry that serves and dies when its file is there. */
  function mortal(way: string): { threadFile: string; strike: string } {
    const strike = join(folder, `strike-${way.length}`);
    const threadFile = join(folder, `thread-${way.length}.mjs`);
    writeFileSync(
      threadFile,
      `import { existsSync, rmSync } from 'node:fs';
      import ${JSON.stringify(packageFile('dist/workers/metrics.js'))};
      setInterval(() => {
        if (!existsSync(${JSON.stringify(strike)})) return;
        rmSync(${JSON.stringify(strike)});
        ${way}
      }, 5);`,
    );
    return { threadFile, strike };
  }

  test.each(['process.exit(1)', 'throw new Error("struck by the test")'])(
    'is replaced on the same port, and told once: %s',
    async (way) => {
      const { threadFile, strike } = mortal(way);
      server = await open({ threadFile });
      const { url } = server;
      // Once more for the first way alone: the second pause is twice as long.
      for (let death = 0; death < (way.startsWith('process') ? 2 : 1); death++) {
        writeFileSync(strike, '');
        await expect.poll(() => answers(url), { interval: 20 }).toBe(false);
        await expect.poll(() => answers(url), { interval: 50 }).toBe(true);
      }
      expect(server.url).toBe(url);
      expect(heard).toHaveLength(1);
      expect(heard[0]).toMatch(
        /^The metrics server has failed \(.*\) and is started again; the training goes on\.$/,
      );
    },
  );

  test('holds up no end', async () => {
    const { threadFile, strike } = mortal('process.exit(12345)');
    server = await open({ threadFile });
    await get('/metrics', 'localhost', 'X-Prometheus-Scrape-Timeout-Seconds: 5\r\n');
    await server.finish(60_000);
    writeFileSync(strike, '');
    await server.close();
  });

  test('is replaced once its port is free again', async () => {
    const { threadFile, strike } = mortal('process.exit(1) // once');
    server = await open({ threadFile });
    writeFileSync(strike, '');
    await expect.poll(() => heard.length, { interval: 5 }).toBe(1);
    const other = createServer().listen(Number(new URL(server.url).port), '127.0.0.1');
    await sleep(500);
    await new Promise((resolve) => other.close(resolve));
    await expect.poll(() => answers(server.url), { interval: 50 }).toBe(true);
    expect(heard).toHaveLength(1);
  });

  async function answers(url: string): Promise<boolean> {
    try {
      return (await fetch(`${url}healthz`)).ok;
    } catch {
      return false;
    }
  }
});
