import { existsSync } from 'node:fs';
import { UserError } from '../errors.js';
import type { Context } from './context.js';
import { defineCommand } from './define.js';
import { aborted, readAccess, serverOptions } from './options/server-options.js';
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
    options: serverOptions(DEFAULT_PORT),
    async run({ runs, port, ...args }) {
      for (const run of runs) {
        if (!existsSync(run)) throw new UserError(`${run}: expected a directory, found nothing`);
      }
      const [{ serveBoard }, { isLoopback }, { yieldCores }] = await Promise.all([
        import('../observe/server/serve-board.js'),
        import('../observe/server/access.js'),
        import('../observe/server/yield-cores.js'),
      ]);
      const access = await readAccess(args);
      const signals = context.catchSignals(() => true);
      try {
        const keys = { host: '--host', port: '--port' };
        const server = await serveBoard(runs, { access, port }, keys);
        // Trainings on this machine go first.
        yieldCores(5);
        printLines(context.stdout, [`Runs at ${server.url}; Ctrl-C ends this`]);
        if (access.token === null && !isLoopback(server.address)) {
          printLines(context.stderr, [
            `--host: ${access.host} can be reached from other machines, and whoever reaches it can read these runs' figures; --token-file has the server ask for a token.`,
          ]);
        }
        await aborted(signals.signal);
        await server.close();
      } finally {
        signals.release();
      }
    },
  });
