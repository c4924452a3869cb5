import { setTimeout as sleep } from 'node:timers/promises';
import { UserError } from '../../errors.js';
import { findRuns } from '../board/find-runs.js';
import { readRunConfig } from '../board/run-config.js';
import type { Access } from './access.js';
import { inUrl } from './access.js';
import { fixedRoute, TEXT } from './answer.js';
import { WorkBudget } from './budget.js';
import { listen } from './listen.js';
import { describeListenError } from './listen-error.js';
import { watchRuns } from './watch-runs.js';

export interface BoardServer {
  /** Where the page is: `http://127.0.0.1:9465/`. */
  readonly url: string;
  /** The address that is listened on. */
  readonly address: string;
  close(): Promise<void>;
}

/** Of one core, beside trainings on the same machine; and milliseconds that may be saved up for opening a page. */
const SHARE = 0.25;
const MOST_MS = 2000;

/**
 * Serves the page of all runs among and below some directories, also of those that are begun meanwhile.
 *
 * @param options.share of one core that may be used in the long run
 * @param keys how host and port are given, for messages
 * @throws UserError when the address cannot be listened on
 */
export async function serveBoard(
  roots: readonly string[],
  { access, port, share = SHARE }: { access: Access; port: number; share?: number },
  keys: { host: string; port: string },
): Promise<BoardServer> {
  const budget = new WorkBudget(share, MOST_MS);
  const places = () => {
    const { runs, areMore } = findRuns(roots);
    const readable = runs.map((found) => ({
      ...found,
      readConfig: () => readRunConfig(found.directory),
    }));
    return { places: readable, areMore };
  };
  const runs = watchRuns(places, budget);
  const routes = new Map([...runs.routes, ['/healthz', fixedRoute(TEXT, 'ok\n')] as const]);
  return new Promise((resolve, reject) => {
    const server = listen({ access, port, routes }, () => budget.spend(), {
      onListening: (bound) =>
        resolve({
          url: `http://${inUrl(access.host)}:${bound.port}/`,
          address: bound.address,
          close: async () => {
            server.close();
            runs.close();
            await sleep(0);
          },
        }),
      onRefused: (code) =>
        reject(new UserError(describeListenError(code, access.host, port, keys))),
    });
  });
}
