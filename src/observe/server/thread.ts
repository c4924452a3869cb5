import type { MessagePort } from 'node:worker_threads';
import { sharedClock } from '../../system/monotonic.js';
import type { RunPlace } from '../board/run.js';
import { WorkBudget } from './budget.js';
import { listen } from './listen.js';
import type { Order, Report, ServedRun, ServerHandle, SnapshotName } from './messages.js';
import { createRoutes } from './run-routes.js';
import { ScrapeWatch } from './scrape-watch.js';
import { Snapshot } from './snapshot.js';
import { watchRuns } from './watch-runs.js';
import { yieldCores } from './yield-cores.js';

/** Of one core, in the long run and at once: some fifty answers a second, and the first ones, which take longer. */
const SHARE = 0.01;
const MOST_MS = 100;

/** The serving thread: answers from snapshots, and asks the training for new ones. Runs until it is ended. */
export function serveSnapshots(
  { access, port, metricsType, signs, run }: ServerHandle,
  parent: MessagePort,
): void {
  const report = (message: Report) => parent.postMessage(message);
  const snapshotOf = (name: SnapshotName) => new Snapshot(() => report({ type: 'wanted', name }));
  const snapshots = { metrics: snapshotOf('metrics'), status: snapshotOf('status') };
  const budget = new WorkBudget(SHARE, MOST_MS);
  const place = placeOf(run);
  const runs = watchRuns(() => ({ places: [place] }), budget);
  const routes = new Map([
    ...runs.routes,
    ...createRoutes({
      metricsType,
      readMetrics: () => snapshots.metrics.read(),
      readStatus: () => snapshots.status.read(),
      ...{ signs, clock: sharedClock() },
    }),
  ]);
  const scrapes = new ScrapeWatch(() => report({ type: 'read' }));

  parent.on('message', (order: Order) => {
    if (order.type === 'snapshot') snapshots[order.name].take(order.text);
    else {
      snapshots.metrics.finish(order.texts.metrics);
      snapshots.status.finish(order.texts.status);
      report({ type: 'waiting', milliseconds: scrapes.end(order.patienceMs) });
      runs.flush();
    }
  });
  listen({ access, port, routes }, () => budget.spend(), {
    onListening: ({ address, port: bound }) => {
      report({ type: 'listening', address, port: bound });
      yieldCores(10);
    },
    onRefused: (code) => report({ type: 'refused', code }),
    onAnswer: ({ isScrape }, { status }) => {
      if (isScrape && status === 200) scrapes.note();
    },
  });
}

function placeOf({ directory, name, since, config }: ServedRun): RunPlace {
  return { id: 'run', name, directory, liveSince: since, readConfig: () => config };
}
