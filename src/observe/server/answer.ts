import { STATUS_CODES } from 'node:http';
import { type Access, checkAccess } from './access.js';
import { page } from './page.js';
import type { Refusal, Request } from './request.js';

export interface Answer {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: Buffer;
}

/** What is served, by path: a text that may have to be waited for, undefined when there is none yet. */
export type Routes = ReadonlyMap<string, Route>;

interface Route {
  type: string;
  read: () => Promise<Buffer | undefined>;
}

/** `/`, `/status.json`, `/metrics` and `/healthz`. */
export function createRoutes(sources: {
  metricsType: string;
  readMetrics: Route['read'];
  readStatus: Route['read'];
}): Routes {
  const { metricsType, readMetrics, readStatus } = sources;
  const fixed = (text: string) => {
    const body = Buffer.from(text);
    return () => Promise.resolve(body);
  };
  return new Map<string, Route>([
    ['/', { type: 'text/html; charset=utf-8', read: fixed(page) }],
    ['/status.json', { type: 'application/json', read: readStatus }],
    ['/metrics', { type: metricsType, read: readMetrics }],
    ['/healthz', { type: TEXT, read: fixed('ok\n') }],
  ]);
}

const TEXT = 'text/plain; charset=utf-8';

/** @param address that is listened on */
export async function answerRequest(
  request: Request | Refusal,
  routes: Routes,
  access: Access,
  address: string,
): Promise<Answer> {
  if ('reason' in request) return explain(request);
  const refusal = checkAccess(access, address, request);
  if (refusal !== undefined) return explain(refusal);
  const { method, path } = request;
  const route = routes.get(path);
  if (route === undefined) {
    return say(404, `There is no ${path} here; there are ${[...routes.keys()].join(', ')}.`);
  }
  if (method !== 'GET' && method !== 'HEAD') {
    return say(405, `${path} takes GET requests, not ${method}.`, { Allow: 'GET, HEAD' });
  }
  const body = await route.read();
  if (body === undefined) {
    return say(503, `The training has not said anything yet; ask again.`, { 'Retry-After': '1' });
  }
  return {
    status: 200,
    headers: {
      'Content-Type': route.type,
      'Cache-Control': 'no-store',
      'Content-Security-Policy':
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; connect-src 'self'; img-src data:; frame-ancestors 'none'",
      'Cross-Origin-Resource-Policy': 'same-origin',
    },
    body,
  };
}

function explain({ status, reason }: Refusal): Answer {
  // Has browsers ask for it; what sends bearer tokens need not be told.
  const challenge = { 'WWW-Authenticate': 'Basic realm="lockstep"' };
  return say(status, `This request is refused: ${reason}.`, status === 401 ? challenge : {});
}

function say(status: number, sentence: string, headers: Record<string, string> = {}): Answer {
  return {
    status,
    headers: { 'Content-Type': TEXT, ...headers },
    body: Buffer.from(`${sentence}\n`),
  };
}

/** An answer as it goes over the wire; the connection ends with it. */
export function formatAnswer({ status, headers, body }: Answer, withoutBody: boolean): Buffer[] {
  const lines = Object.entries({
    ...headers,
    'X-Content-Type-Options': 'nosniff',
    'Content-Length': String(body.length),
    Date: new Date().toUTCString(),
    Connection: 'close',
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n`;
  return withoutBody ? [Buffer.from(head)] : [Buffer.from(head), body];
}
