/** What the server wants to know of a request. */
export interface Request {
  method: string;
  /** Without the query. */
  path: string;
  query: URLSearchParams;
  /** The name or address that the client knows this server by: without the port, in lower case. */
  host: string;
  authorization: string | undefined;
  /** Formats that the client can read. */
  accept: string | undefined;
  /** Of a browser that comes back to a stream of events: the last one that it has. */
  lastEventId: string | undefined;
  /** Whether a Prometheus asks, which will ask again. */
  isScrape: boolean;
}

/** An answer that says why there is no other. */
export interface Refusal {
  status: number;
  reason: string;
}

/** A longer head is not read any further. */
export const MOST_HEAD_BYTES = 8192;
const MOST_TARGET_LENGTH = 2048;

/**
 * The head of an HTTP/1 request: the request line and the lines of the headers, with or without the empty line behind
 * them. Nothing else is ever read of a request, so that there is no body to be mistaken for another request.
 */
export function parseRequest(head: string): Request | Refusal {
  const [first = '', ...lines] = head.replace(/^(?:\r\n)+/, '').split('\r\n');
  const [method = '', target = '', version = '', ...rest] = first.split(' ');
  if (!/^[A-Z]{1,16}$/.test(method) || rest.length > 0) return refuse(400, 'no request line');
  if (!/^HTTP\/1\.[01]$/.test(version)) return refuse(505, 'expected HTTP/1.1');
  if (target.length > MOST_TARGET_LENGTH) return refuse(414, 'the path is too long');
  if (!/^\/[\x21-\x7e]*$/.test(target)) return refuse(400, 'expected a path');
  const headers = readHeaders(lines);
  if (headers === undefined) return refuse(400, 'a line among the headers is none');
  const host = readHost(headers.get('host'));
  if (host === undefined) return refuse(400, 'expected one Host header with a name or an address');
  const [path = '', ...query] = target.split('?');
  return {
    method,
    path,
    query: new URLSearchParams(query.join('?')),
    host,
    authorization: headers.get('authorization')?.[0],
    accept: headers.get('accept')?.join(','),
    lastEventId: headers.get('last-event-id')?.[0],
    isScrape: headers.has('x-prometheus-scrape-timeout-seconds'),
  };
}

function refuse(status: number, reason: string): Refusal {
  return { status, reason };
}

/** Values by name in lower case; undefined when a line is no header. */
function readHeaders(lines: readonly string[]): Map<string, string[]> | undefined {
  const headers = new Map<string, string[]>();
  for (const line of lines) {
    if (line === '') break;
    const colon = line.indexOf(':');
    const name = line.slice(0, Math.max(0, colon)).toLowerCase();
    if (!/^[!#$%&'*+.^_`|~0-9a-z-]+$/.test(name)) return undefined;
    headers.set(name, [...(headers.get(name) ?? []), line.slice(colon + 1).trim()]);
  }
  return headers;
}

/** "localhost", "127.0.0.1", "::1" out of "LOCALHOST:9464", "127.0.0.1", "[::1]:9464". */
export function readHost(values: readonly string[] | undefined): string | undefined {
  if (values?.length !== 1) return undefined;
  const match = /^(?:\[([0-9a-f:.]+)\]|([0-9a-z_.-]+))(?::\d{1,5})?$/i.exec(values[0]!);
  return (match?.[1] ?? match?.[2])?.toLowerCase();
}
