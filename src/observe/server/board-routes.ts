import type { Board } from '../board/board.js';
import type { Feed } from '../board/feed.js';
import { readRange, readStep, type Pause } from '../board/log-lookup.js';
import type { Run } from '../board/run.js';
import type { Route } from './answer.js';
import { LookupQueue, type ExpectWanted } from './lookup-queue.js';
import type { Request } from './request.js';

const JSON_TYPE = 'application/json';

/** Waits until more may be done, for as long as it is wanted. */
export type WaitForTurn = (expectWanted: ExpectWanted) => Promise<void>;

/**
 * What the page asks for beside itself: `/events`, a stream of what changes of the runs that `runs` lists; `/range` and `/at`, a
 * closer look at a stretch of steps and at one step of a run; `/config`, a run's config.
 */
export function boardRoutes(board: Board, feed: Feed, waitForTurn: WaitForTurn): [string, Route][] {
  const look = (
    queue: LookupQueue,
    read: (run: Run, query: URLSearchParams, pause: Pause) => Promise<unknown>,
  ): Route => ({
    type: JSON_TYPE,
    read: async ({ query }: Request, gone) => {
      const run = board.find(query.get('run') ?? '');
      if (run === undefined) return Buffer.from('null');
      return queue.add((expectWanted) => read(run, query, () => waitForTurn(expectWanted)), gone);
    },
  });
  // A stretch may take long; a step and a config are not kept waiting by it.
  const [stretches, others] = [new LookupQueue(), new LookupQueue()];
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
      look(stretches, (run, query, pause) => {
        const [from, to] = [stepIn(query, 'from'), stepIn(query, 'to')];
        return readRange(run.logFile, run.offsetOf(from), from, to, pause);
      }),
    ],
    [
      '/at',
      look(others, (run, query, pause) => {
        const step = stepIn(query, 'step');
        return readStep(run.logFile, run.offsetOf(step), step, pause);
      }),
    ],
    ['/config', look(others, (run) => Promise.resolve(run.config))],
  ];
}

function stepIn(query: URLSearchParams, name: string): number {
  const step = Number(query.get(name));
  return Number.isSafeInteger(step) && step >= 0 ? step : 0;
}
