import { createHash, timingSafeEqual } from 'node:crypto';
import { isIP, isIPv6 } from 'node:net';
import type { Refusal, Request } from './request.js';

/** Who may ask, and by which name of this server. */
export interface Access {
  /** Address that is listened on, as it is configured. */
  host: string;
  /** Further names that clients may know this server by. */
  hosts: readonly string[];
  /** What clients have to show; null asks for nothing. */
  token: string | null;
  /** What further names and the token are configured by, for messages; of a run where absent. */
  named?: { readonly hosts: string; readonly token: string };
}

const RUN_KEYS = { hosts: 'metrics.hosts', token: 'metrics.tokenFile' };

/** Whether only programs on this machine can reach an address. */
export function isLoopback(address: string): boolean {
  const plain = address.replace(/^::ffff:(?=\d+\.)/, '');
  return plain === '::1' || (isIP(plain) === 4 && plain.startsWith('127.'));
}

/**
 * Why a request is not answered; undefined when it is.
 *
 * A page of a foreign site can have its own name lead to this machine, and would then be allowed to read the answers
 * (DNS rebinding): a name is answered only where it is known to be ours. An address cannot be bent like this; where
 * the server can be reached from loopback only, it still must be one of those.
 *
 * @param address that is listened on
 */
export function checkAccess(
  { host, hosts, token, named: keys = RUN_KEYS }: Access,
  address: string,
  request: Pick<Request, 'host' | 'path' | 'authorization'>,
): Refusal | undefined {
  const { host: named, path, authorization } = request;
  const isKnown =
    named === 'localhost' ||
    isLoopback(named) ||
    [host, address, ...hosts].some((name) => name.toLowerCase() === named) ||
    (isIP(named) !== 0 && !isLoopback(address));
  if (!isKnown) {
    return {
      status: 403,
      reason: `this server is not known as ${named}; ${keys.hosts} takes further names of it`,
    };
  }
  // Whether the run is alive may be seen by all who can reach it.
  if (token === null || path === '/healthz' || path === '/readyz') return undefined;
  if (authorization !== undefined && showsToken(authorization, token)) return undefined;
  return { status: 401, reason: `expected the token of ${keys.token}` };
}

/** As a bearer token, or, for browsers, as the password of any user. */
function showsToken(authorization: string, token: string): boolean {
  const [scheme = '', value = ''] = authorization.split(/ +/);
  switch (scheme.toLowerCase()) {
    case 'bearer':
      return isSame(value, token);
    case 'basic': {
      const pair = Buffer.from(value, 'base64').toString('latin1');
      return isSame(pair.slice(pair.indexOf(':') + 1), token);
    }
    default:
      return false;
  }
}

/** Takes the same time wherever the first difference is. */
function isSame(one: string, other: string): boolean {
  const [a, b] = [one, other].map((text) => createHash('sha256').update(text).digest());
  return timingSafeEqual(a!, b!);
}

/** The address as it stands in a URL. */
export function inUrl(address: string): string {
  return isIPv6(address) ? `[${address}]` : address;
}
