import { STATUS_CODES } from 'node:http';
import { type Access, checkAccess } from './access.js';
import type { Sink } from '../board/feed.js';
import type { Refusal, Request } from './request.js';

export interface Answer {
  status: number;
  headers: Readonly<Record<string, string>>;
  body: Buffer;
  /** Goes on behind the body, until the client leaves; gives what is to be called then. */
  stream?: (sink: Sink) => () => void;
}

/** What is served, by path. */
export type Routes = ReadonlyMap<string, Route>;

export interface Route {
  type: string;
  /** A text that may have to be waited for, until `gone` aborts; undefined when the training has not said anything yet. */
  read: (request: Request, gone: AbortSignal) => Promise<Buffer | Reply | undefined>;
  headers?: Readonly<Record<string, string>>;
  /** Of one that goes on and on; undefined where there are too many already. */
  stream?: (request: Request) => Answer['stream'];
}

/** A text with what is special about it. */
export interface Reply extends Partial<Omit<Answer, 'stream'>> {
  body: Buffer;
}

/** A route whose text never changes. */
export function fixedRoute(type: string, text: string | Buffer, headers = {}): Route {
  const body = Buffer.from(text);
  return { type, headers, read: () => Promise.resolve(body) };
}

export const TEXT = 'text/plain; charset=utf-8';

/**
 * @param address that is listened on
 * @param gone aborts when nobody waits for the answer any more
 */
export async function answerRequest(
  request: Request | Refusal,
  routes: Routes,
  access: Access,
  address: string,
  gone: AbortSignal,
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
  if (route.stream !== undefined) return answerStream(route, request);
  const text = await route.read(request, gone);
  if (text === undefined) {
    return say(503, `The training has not said anything yet; ask again.`, { 'Retry-After': '1' });
  }
  const { status = 200, headers = {}, body } = Buffer.isBuffer(text) ? { body: text } : text;
  return { status, headers: { ...headersOf(route), ...headers }, body };
}

function answerStream(route: Route, request: Request): Answer {
  const stream = route.stream!(request);
  if (stream === undefined) {
    return say(503, 'Too many pages are open; ask again.', { 'Retry-After': '10' });
  }
  const answer = { status: 200, headers: headersOf(route), body: Buffer.alloc(0) };
  return request.method === 'HEAD' ? answer : { ...answer, stream };
}

function headersOf({ type, headers }: Route): Record<string, string> {
  return {
    'Content-Type': type,
    'Cache-Control': 'no-store',
    'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'",
    'Cross-Origin-Resource-Policy': 'same-origin',
    ...headers,
  };
}

function explain({ status, reason }: Refusal): Answer {
  // Has browsers ask for it; what sends bearer tokens need not be told.
  const challenge = { 'WWW-Authenticate': 'Basic realm="lockstep"' };
  return say(status, `This request is refused: ${reason}.`, status === 401 ? challenge : {});
}

/** An answer that is one sentence. */
export function say(
  status: number,
  sentence: string,
  headers: Record<string, string> = {},
): Answer {
  return {
    status,
    headers: { 'Content-Type': TEXT, ...headers },
    body: Buffer.from(`${sentence}\n`),
  };
}

/** An answer as it goes over the wire, up to its stream; the connection ends with it. */
export function formatAnswer(
  { status, headers, body, stream }: Answer,
  withoutBody: boolean,
): Buffer[] {
  const lines = Object.entries({
    ...headers,
    'X-Content-Type-Options': 'nosniff',
    ...(stream === undefined && { 'Content-Length': String(body.length) }),
    Date: new Date().toUTCString(),
    Connection: 'close',
  }).map(([name, value]) => `${name}: ${value}\r\n`);
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n`;
  return withoutBody ? [Buffer.from(head)] : [Buffer.from(head), body];
}
