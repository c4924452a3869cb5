import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { loadConfig } from '../../src/config/load.js';
import type { TrainEvent } from '../../src/events.js';
import { trackHealth } from '../../src/observe/health.js';
import { logMetrics } from '../../src/observe/metrics-log.js';
import { collectMetrics } from '../../src/observe/metrics.js';
import { serveMetrics, type MetricsServer } from '../../src/observe/server/serve.js';
import { trackStatus } from '../../src/observe/status.js';
import { train, type TrainOptions } from '../../src/train/run.js';
import type { LivePrometheus } from './live-prometheus.js';

/** A run that a real Prometheus scrapes from before its first step. */
export interface ScrapedRun {
  readonly name: string;
  /** What Prometheus calls it. */
  readonly instance: string;
  /** Resolves when it has ended, however; its server stays open. */
  readonly ended: Promise<void>;
  readonly server: MetricsServer;
  readonly runDir: string;
}

/** Trains as the command does. @param pace is waited for in every step */
export async function startScraped(
  prometheus: LivePrometheus,
  cwd: string,
  name: string,
  yaml: string,
  { pace, ...options }: Partial<TrainOptions> & { pace?: () => void } = {},
): Promise<ScrapedRun> {
  const path = join(cwd, `${name}.yaml`);
  writeFileSync(path, yaml);
  const runDir = join(cwd, 'runs', name);
  const [metrics, status, health] = [collectMetrics(() => 100), trackStatus(), trackHealth()];
  const notify = (): void => undefined;
  const log = logMetrics(notify);
  const server = await serveMetrics({
    ...{ host: '127.0.0.1', port: 0, hosts: [], token: null, notify },
    ...{ registry: metrics.registry, readStatus: status.read, signs: health.signs },
    run: { directory: runDir, name, since: Date.now(), config: { entries: [] } },
  });
  const instance = await prometheus.watch(server.url);
  const listener = (event: TrainEvent): void => {
    for (const observer of [metrics, status, health, log]) observer.observe(event);
    if (event.type === 'step') pace?.();
  };
  const config = await loadConfig(path, []);
  const ended = train(config, { runDir, resume: false, listener, ...options })
    .catch(() => undefined)
    .then(() => log.close());
  return { name, instance, ended, server, runDir };
}

/** What metrics.jsonl tells of a run; as `null` what is no number. */
export function readEvents({ runDir }: ScrapedRun): TrainEvent[] {
  const lines = readFileSync(join(runDir, 'metrics.jsonl'), 'utf8').trim().split('\n');
  return lines.map((line) => JSON.parse(line) as TrainEvent);
}
