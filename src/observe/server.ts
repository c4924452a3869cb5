import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';
import { type Registry } from 'prom-client';
import { UserError } from '../errors.js';
import { page } from './page.js';
import { type Status } from './status.js';

export interface MetricsServer {
  /** Where the page is: `http://127.0.0.1:9464/`. */
  readonly url: string;
  close(): Promise<void>;
}

interface Route {
  type: string;
  body: () => string | Promise<string>;
}

/**
 * Serves `/` (a live page), `/status.json`, `/metrics` for Prometheus and `/healthz`.
 * @param port 0 picks a free one
 * @throws UserError when the address cannot be listened on
 */
export async function serveMetrics(options: {
  host: string;
  port: number;
  registry: Registry;
  readStatus: () => Status;
}): Promise<MetricsServer> {
  const { host, port, registry, readStatus } = options;
  const routes = new Map<string, Route>([
    ['/', { type: 'text/html; charset=utf-8', body: () => page }],
    ['/status.json', { type: 'application/json', body: () => JSON.stringify(readStatus()) }],
    ['/metrics', { type: registry.contentType, body: () => registry.metrics() }],
    ['/healthz', { type: 'text/plain; charset=utf-8', body: () => 'ok\n' }],
  ]);
  const server = createServer((request, response) => {
    answer(request, response, routes).catch((error: unknown) => {
      response.statusCode = 500;
      response.end(`This request failed: ${String(error)}\n`);
    });
  });

  await new Promise<void>((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(new UserError(describeListenError(error, host, port), { cause: error }));
    });
    server.listen(port, host, resolve);
  });
  const { port: actual } = server.address() as AddressInfo;
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${actual}/`,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        // Pollers keep their connections open, and would keep the process alive.
        server.closeAllConnections();
      }),
  };
}

async function answer(
  request: IncomingMessage,
  response: ServerResponse,
  routes: ReadonlyMap<string, Route>,
): Promise<void> {
  const [path = '/'] = (request.url ?? '/').split('?');
  const { method = '' } = request;
  response.setHeader('Content-Type', 'text/plain; charset=utf-8');
  response.setHeader('X-Content-Type-Options', 'nosniff');
  const route = routes.get(path);
  if (route === undefined) {
    response.statusCode = 404;
    response.end(`There is no ${path} here; there are ${[...routes.keys()].join(', ')}.\n`);
    return;
  }
  if (method !== 'GET' && method !== 'HEAD') {
    response.statusCode = 405;
    response.setHeader('Allow', 'GET, HEAD');
    response.end(`${path} takes GET requests, not ${method}.\n`);
    return;
  }
  const body = await route.body();
  response.setHeader('Content-Type', route.type);
  response.setHeader('Cache-Control', 'no-store');
  response.setHeader(
    'Content-Security-Policy',
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:",
  );
  response.end(body);
}

function describeListenError(error: NodeJS.ErrnoException, host: string, port: number): string {
  switch (error.code) {
    case 'EADDRINUSE':
      return `metrics.port: port ${port} of ${host} is in use; choose another (0 picks a free one)`;
    case 'EACCES':
      return `metrics.port: this user may not listen on port ${port}; choose one above 1023`;
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `metrics.host: expected an address of this machine, got ${JSON.stringify(host)}`;
    default:
      return `metrics: cannot listen on ${host}, port ${port} (${error.code ?? error.message})`;
  }
}
