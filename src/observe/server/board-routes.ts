import type { Board } from '../board/board.js';
import type { Feed } from '../board/feed.js';
import { readRange, readStep, type Pause } from '../board/log-lookup.js';
import type { Run } from '../board/run.js';
import type { Route } from './answer.js';
import type { Request } from './request.js';

const JSON_TYPE = 'application/json';
/** Looks into logs one after the other; more than so many in a queue are turned away. */
const MOST_WAITING = 8;

/**
 * What the page asks for beside itself: `/events`, a stream of what changes of the runs that `runs` lists; `/range` and `/at`, a
 * closer look at a stretch of steps and at one step of a run; `/config`, a run's config.
 */
export function boardRoutes(board: Board, feed: Feed, pause: Pause): [string, Route][] {
  const queue = new LookupQueue();
  const look = (read: (run: Run, query: URLSearchParams) => Promise<unknown>): Route => ({
    type: JSON_TYPE,
    read: async ({ query }: Request) => {
      const run = board.find(query.get('run') ?? '');
      if (run === undefined) return Buffer.from('null');
      return queue.add(async () => Buffer.from(JSON.stringify(await read(run, query))));
    },
  });
  return [
    [
      '/events',
      {
        type: 'text/event-stream',
        read: () => Promise.resolve(undefined),
        stream: ({ query, lastEventId }) => {
          if (feed.isFull) return undefined;
          const runs = (query.get('runs') ?? '').split(',').filter((id) => id !== '');
          return (sink) => feed.open(sink, runs, lastEventId ?? query.get('since') ?? '');
        },
      },
    ],
    [
      '/range',
      look((run, query) => {
        const [from, to] = [stepIn(query, 'from'), stepIn(query, 'to')];
        return readRange(run.logFile, run.offsetOf(from), from, to, pause);
      }),
    ],
    [
      '/at',
      look((run, query) => {
        const step = stepIn(query, 'step');
        return readStep(run.logFile, run.offsetOf(step), step, pause);
      }),
    ],
    ['/config', look((run) => Promise.resolve(run.config))],
  ];
}

function stepIn(query: URLSearchParams, name: string): number {
  const step = Number(query.get(name));
  return Number.isSafeInteger(step) && step >= 0 ? step : 0;
}

class LookupQueue {
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** Undefined where too many wait already, or a log cannot be read. */
  async add(work: () => Promise<Buffer>): Promise<Buffer | undefined> {
    if (this.#waiting >= MOST_WAITING) return undefined;
    this.#waiting++;
    const done = this.#last.then(work).catch(() => undefined);
    this.#last = done;
    try {
      return await done;
    } finally {
      this.#waiting--;
    }
  }
}
