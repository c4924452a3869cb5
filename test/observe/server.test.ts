import { request } from 'node:http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { UserError } from '../../src/errors.js';
import { collectMetrics } from '../../src/observe/metrics.js';
import { type MetricsServer, serveMetrics } from '../../src/observe/server.js';
import { trackStatus } from '../../src/observe/status.js';
import { startEvent, stepEvent } from './events.js';

const metrics = collectMetrics();
const status = trackStatus();
const options = {
  host: '127.0.0.1',
  port: 0,
  registry: metrics.registry,
  readStatus: status.read,
};
let server: MetricsServer;

beforeEach(async () => {
  server = await serveMetrics(options);
});
afterEach(() => server.close());

describe('the metrics server', () => {
  test('listens on this machine only, on a free port where 0 is asked for', () => {
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d+\/$/);
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
    expect(page.replace('http://www.w3.org/2000/svg', '')).not.toMatch(/https?:|src=|@import/);
  });

  test('answers the health check', async () => {
    const response = await fetch(`${server.url}healthz`);
    expect([response.status, await response.text()]).toEqual([200, 'ok\n']);
  });

  test('says what there is when asked for something else', async () => {
    const response = await fetch(`${server.url}metricz`);
    expect(response.status).toBe(404);
    expect(await response.text()).toBe(
      'There is no /metricz here; there are /, /status.json, /metrics, /healthz.\n',
    );
  });

  test('takes no other methods', async () => {
    const response = await fetch(`${server.url}metrics`, { method: 'POST', body: 'x' });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect(await response.text()).toBe('/metrics takes GET requests, not POST.\n');
  });

  test('outlives an odd path', async () => {
    const { hostname, port } = new URL(server.url);
    const code = await new Promise((resolve, reject) => {
      request({ hostname, port, path: '//' }, (response) => {
        response.resume();
        resolve(response.statusCode);
      })
        .on('error', reject)
        .end();
    });
    expect(code).toBe(404);
  });

  test('refuses a port in use with the key to change', async () => {
    const port = Number(new URL(server.url).port);
    await expect(serveMetrics({ ...options, port })).rejects.toThrow(
      new UserError(
        `metrics.port: port ${port} of 127.0.0.1 is in use; choose another (0 picks a free one)`,
      ),
    );
  });

  test('refuses an address that is not of this machine', async () => {
    await expect(serveMetrics({ ...options, host: '192.0.2.1' })).rejects.toThrow(
      new UserError('metrics.host: expected an address of this machine, got "192.0.2.1"'),
    );
  });
});
