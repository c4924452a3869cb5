import { existsSync } from 'node:fs';
import { UserError } from '../errors.js';
import type { Context } from './context.js';
import { defineCommand } from './define.js';
import { wholeNumber } from './options.js';
import { printLines } from './table.js';

const DEFAULT_PORT = 9465;

export const boardCommand = (context: Context) =>
  defineCommand({
    command: 'board [runs..]',
    describe: 'Serves a page that shows and compares runs, finished and going on',
    positionals: {
      runs: {
        type: 'string',
        array: true,
        default: ['runs'],
        describe: 'Directories of runs, or folders with runs in them',
      },
    },
    options: {
      port: {
        type: 'string',
        coerce: wholeNumber('port', 0, 65_535),
        requiresArg: true,
        describe: `Where the page is served, ${DEFAULT_PORT} by default; 0 picks a free one`,
      },
      host: {
        type: 'string',
        default: '127.0.0.1',
        requiresArg: true,
        describe: 'Address that is listened on; 0.0.0.0 for all of this machine',
      },
      'allow-host': {
        type: 'string',
        array: true,
        nargs: 1,
        default: [] as string[],
        requiresArg: true,
        describe: 'A further name that browsers may know the server by; may be given several times',
      },
      'token-file': {
        type: 'string',
        requiresArg: true,
        describe: 'File with a token that browsers have to show as password',
      },
    },
    async run({ runs, port = DEFAULT_PORT, host, allowHost, tokenFile }) {
      for (const run of runs) {
        if (!existsSync(run)) throw new UserError(`${run}: expected a directory, found nothing`);
      }
      const [{ serveBoard }, { readToken }, { isLoopback }, { yieldCores }] = await Promise.all([
        import('../observe/server/serve-board.js'),
        import('../observe/server/token.js'),
        import('../observe/server/access.js'),
        import('../observe/server/yield-cores.js'),
      ]);
      const named = { hosts: '--allow-host', token: '--token-file' };
      const token = tokenFile === undefined ? null : await readToken(tokenFile, named.token);
      const signals = context.catchSignals(() => true);
      try {
        const access = { host, hosts: allowHost, token, named };
        const keys = { host: '--host', port: '--port' };
        const server = await serveBoard(runs, { access, port }, keys);
        // Trainings on this machine go first.
        yieldCores(5);
        printLines(context.stdout, [`Runs at ${server.url}; Ctrl-C ends this`]);
        if (token === null && !isLoopback(server.address)) {
          printLines(context.stderr, [
            `--host: ${host} can be reached from other machines, and whoever reaches it can read these runs' figures; --token-file has the server ask for a token.`,
          ]);
        }
        await new Promise<void>((resolve) => {
          if (signals.signal.aborted) resolve();
          else signals.signal.addEventListener('abort', () => resolve());
        });
        await server.close();
      } finally {
        signals.release();
      }
    },
  });
