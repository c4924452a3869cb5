import { createServer, type AddressInfo } from 'node:net';
import { setPriority } from 'node:os';
import type { MessagePort } from 'node:worker_threads';
import { answerRequest, createRoutes } from './answer.js';
import { WorkBudget } from './budget.js';
import { Connections } from './connections.js';
import type { Order, Report, ServerHandle, SnapshotName } from './messages.js';
import { ScrapeWatch } from './scrape-watch.js';
import { Snapshot } from './snapshot.js';

/** Of one core, in the long run and at once: some fifty answers a second, and the first ones, which take longer. */
const SHARE = 0.01;
const MOST_MS = 100;

/** The serving thread: answers from snapshots, and asks the training for new ones. Runs until it is ended. */
export function serveSnapshots(
  { access, port, metricsType }: ServerHandle,
  parent: MessagePort,
): void {
  const report = (message: Report) => parent.postMessage(message);
  const snapshotOf = (name: SnapshotName) => new Snapshot(() => report({ type: 'wanted', name }));
  const snapshots = { metrics: snapshotOf('metrics'), status: snapshotOf('status') };
  const routes = createRoutes({
    metricsType,
    readMetrics: () => snapshots.metrics.read(),
    readStatus: () => snapshots.status.read(),
  });
  const scrapes = new ScrapeWatch(() => report({ type: 'read' }));
  const budget = new WorkBudget(SHARE, MOST_MS);
  let address = access.host;
  const connections = new Connections(
    async (request) => {
      const answer = await answerRequest(request, routes, access, address);
      if ('isScrape' in request && request.isScrape && answer.status === 200) scrapes.note();
      return answer;
    },
    () => budget.spend(),
  );

  parent.on('message', (order: Order) => {
    if (order.type === 'snapshot') snapshots[order.name].take(order.text);
    else {
      snapshots.metrics.finish(order.texts.metrics);
      snapshots.status.finish(order.texts.status);
      report({ type: 'waiting', milliseconds: scrapes.end(order.patienceMs) });
    }
  });
  const server = createServer({ allowHalfOpen: true }, (socket) => connections.accept(socket));
  server.on('error', ({ code = 'unknown error' }: NodeJS.ErrnoException) =>
    report({ type: 'refused', code }),
  );
  server.listen({ host: access.host, port, backlog: 64 }, () => {
    const bound = server.address() as AddressInfo;
    address = bound.address;
    report({ type: 'listening', address, port: bound.port });
    yieldCores();
  });
}

/** Linux has priorities by thread, others by process: there it stays as it is. */
function yieldCores(): void {
  if (process.platform !== 'linux') return;
  try {
    setPriority(19);
  } catch {
    // Where this is forbidden, the budget alone has to do.
  }
}
