import type { Options } from 'yargs';
import { UserError } from '../../errors.js';
import type { Access } from '../../observe/server/access.js';
import { wholeNumber } from './options.js';

/** What commands have in common that serve something over HTTP until they are ended. */

/** Where a server listens, and whom it answers. @param port where nothing else is said */
export const serverOptions = (port: number) =>
  ({
    port: {
      type: 'string',
      coerce: wholeNumber('port', 0, 65_535),
      default: port,
      requiresArg: true,
      describe: 'Port to listen on; 0 picks a free one',
    },
    host: {
      type: 'string',
      default: '127.0.0.1',
      requiresArg: true,
      describe: 'Address to listen on; 0.0.0.0 is reached from other machines',
    },
    'allow-host': {
      type: 'string',
      array: true,
      nargs: 1,
      default: [] as string[],
      requiresArg: true,
      describe: 'A further name that clients know this server by; may be given several times',
    },
    'token-file': {
      type: 'string',
      requiresArg: true,
      describe:
        'File with a token that clients have to show (Authorization: Bearer …), in a browser as password',
    },
  }) satisfies Record<string, Options>;

/** @throws UserError for a file that holds no token, and for what is no name of a server */
export async function readAccess(given: {
  host: string;
  allowHost: readonly string[];
  tokenFile: string | undefined;
}): Promise<Access> {
  const { host, allowHost: hosts, tokenFile } = given;
  // A client sends one name, or an address, without anything else.
  const odd = hosts.find(
    (name) => !/^[\p{L}\p{N}._:[\]-]+$/u.test(name) || /[^\]:]:\d+$/.test(name),
  );
  if (odd !== undefined) {
    throw new UserError(
      `--allow-host: expected one name or address, without a port, got ${JSON.stringify(odd)}; further ones are given by further --allow-host`,
    );
  }
  const named = { hosts: '--allow-host', token: '--token-file' };
  if (tokenFile === undefined) return { host, hosts, token: null, named };
  const { readToken } = await import('../../observe/server/token.js');
  return { host, hosts, token: await readToken(tokenFile, named.token), named };
}

/** Resolves when a signal has come. */
export function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}
