import { setTimeout as sleep } from 'node:timers/promises';
import { Board } from '../board/board.js';
import { Feed } from '../board/feed.js';
import type { RunPlace } from '../board/run.js';
import type { Route } from './answer.js';
import { boardRoutes, type WaitForTurn } from './board-routes.js';
import type { WorkBudget } from './budget.js';
import { pageRoute } from './page-route.js';

/** How often logs are looked at while a page is open; and while none is, so that one that is opened finds most of it read. */
const WATCHED_MS = 1000;
const UNWATCHED_MS = 10_000;
/** While a log is being caught up with. */
const BEHIND_MS = 50;
/** Of the budget: what reading leaves for telling pages, and that for answers that nobody may have to wait for, of probes and scrapes. */
const LEFT_BY_READING = 0.75;
const LEFT_BY_TELLING = 0.5;
/** For how long the thread may do nothing else at the end of a run. */
const MOST_FLUSH_MS = 1000;
/** How often runs are looked for. */
const FIND_MS = 5000;

export interface RunsFound {
  places: RunPlace[];
  /** Whether there are others beside these. */
  areMore?: boolean;
}

export interface RunsWatch {
  routes: [string, Route][];
  /** Tells open pages all there is, at once: as far as it is read within a second. */
  flush: () => void;
  /** Ends all streams. */
  close: () => void;
}

/** Follows the logs of runs within the budget, and gives the routes that show them. */
export function watchRuns(findRuns: () => RunsFound, budget: WorkBudget): RunsWatch {
  const board = new Board();
  const leaving = (share: number) => () => {
    budget.spend();
    return budget.hasMoreThan(share);
  };
  const mayRead = leaving(LEFT_BY_READING);
  const feed = new Feed(board, leaving(LEFT_BY_TELLING));
  const isDue = { find: every(FIND_MS), read: every(WATCHED_MS), tell: every(WATCHED_MS) };
  const isDueUnwatched = every(UNWATCHED_MS);
  let isBehind = false;
  let timer: NodeJS.Timeout;

  const turn = () => {
    if (isDue.find()) {
      const { places, areMore = false } = findRuns();
      board.setPlaces(places, areMore);
      // A run alone is what pages are about; where there are several, those that they choose.
      if (board.runs.length === 1) board.runs[0]!.keepDetail();
    }
    const isWanted = feed.size > 0 ? isDue.read() : isDueUnwatched();
    if (isWanted || isBehind) isBehind = board.read(feed.watched, mayRead);
    if (isDue.tell()) feed.tick();
    budget.spend();
    timer = setTimeout(turn, isBehind ? BEHIND_MS : WATCHED_MS);
    timer.unref();
  };
  turn();

  const waitForTurn: WaitForTurn = async (expectWanted) => {
    expectWanted();
    while (!mayRead()) {
      await sleep(BEHIND_MS);
      expectWanted();
    }
    await sleep(0);
  };
  return {
    routes: [['/', pageRoute()], ...boardRoutes(board, feed, waitForTurn)],
    flush: () => {
      if (feed.size === 0) return;
      const end = performance.now() + MOST_FLUSH_MS;
      const mayGoOn = () => performance.now() < end;
      while (board.read(feed.watched, mayGoOn) && mayGoOn());
      feed.tick(() => true);
    },
    close: () => {
      clearTimeout(timer);
      feed.close();
    },
  };
}

/** Whether it is time again: not more often than so, but for what timers are early. */
function every(milliseconds: number): () => boolean {
  let last = -Infinity;
  return () => {
    const now = performance.now();
    if (now - last < milliseconds - EARLY_MS) return false;
    last = now;
    return true;
  };
}

const EARLY_MS = 30;
