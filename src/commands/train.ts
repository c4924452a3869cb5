import { join, resolve } from 'node:path';
import { setFlagsFromString } from 'node:v8';
import { isOwnDescriptor } from '../config/config-text.js';
import { loadConfig, type NamedConfig } from '../config/load.js';
import { UserError } from '../errors.js';
import { trackHealth } from '../observe/health.js';
import { formatLine, logMetrics } from '../observe/metrics-log.js';
import { nextCommand } from '../observe/next-command.js';
import type { Observer } from '../observe/observer.js';
import { showFailures, showProgress } from '../observe/progress.js';
import type { MetricsServer } from '../observe/server/serve.js';
import { readToken } from '../observe/server/token.js';
import { trackStatus } from '../observe/status.js';
import type { EndEvent, StartEvent } from '../events.js';
import { CONFIG_FILE } from '../run/run-directory.js';
import type { Context } from './context.js';
import { defineCommand } from './define.js';
import { expectHeard } from './options/vain-options.js';
import { computeOptions, configOptions, quietOption, wholeNumber } from './options/options.js';
import { printLines } from './table.js';
import { summarizeTraining } from './summaries/train-summary.js';

export const trainCommand = (context: Context) =>
  defineCommand({
    command: 'train',
    describe: 'Trains a model, or goes on with a run that was stopped',
    positionals: {},
    options: {
      ...configOptions,
      ...computeOptions,
      resume: {
        type: 'boolean',
        default: false,
        describe: "Goes on from the run's newest whole checkpoint",
      },
      override: {
        type: 'boolean',
        default: false,
        describe: 'With --resume: goes on also with a config or data that make other weights',
      },
      'run-dir': {
        type: 'string',
        requiresArg: true,
        describe: "Directory of the run; runs/ and the config's name by default",
      },
      'metrics-port': {
        type: 'string',
        coerce: wholeNumber('metrics-port', 0, 65_535),
        requiresArg: true,
        describe: 'Serves the live page and /metrics on this port; 0 picks a free one',
      },
      'dry-run': {
        type: 'boolean',
        default: false,
        describe:
          'Looks at data, network, memory and time of a few steps, and tells what the run would be, without training or writing anything',
      },
      ...quietOption,
      json: {
        type: 'boolean',
        default: false,
        describe: 'Prints events as JSON Lines, as in metrics.jsonl, and nothing else',
      },
    },
    async run({
      config: file,
      set,
      workers,
      backend,
      resume,
      override,
      runDir,
      metricsPort,
      dryRun,
      ...as
    }) {
      expectHeard(as);
      if (override && !resume) throw new UserError('--override: expected with --resume only');
      const config = await loadConfig(file, [
        ...listOverrides({ workers, backend, 'metrics.port': metricsPort }),
        ...set,
      ]);
      const directory = runDir ?? join('runs', config.name);
      if (dryRun) {
        if (resume) throw new UserError('--dry-run: expected without --resume');
        const words = ['--config', file, ...set.flatMap((each) => ['--set', each])];
        const given = { workers, backend, 'metrics-port': metricsPort, 'run-dir': runDir };
        for (const [name, value] of Object.entries(given)) {
          if (value !== undefined) words.push(`--${name}`, String(value));
        }
        const next = nextCommand(context.program, ['train', ...words]);
        await lookAt(config, directory, next, context, as);
        return;
      }
      // What --set changed stands in the run's own config only, and a pipe is read once.
      const isLasting = set.length === 0 && !isOwnDescriptor(file);
      const resumable = isLasting ? file : join(directory, CONFIG_FILE);
      const progress = watch(context, config, as);
      await trainObserved(
        config,
        { runDir: directory, resume, override },
        context,
        progress,
        (end, start) => {
          if (as.json) return;
          const lines = summarizeTraining(
            { end, profile: start?.backend.profile },
            ...([config, directory, resumable, context.program] as const),
          );
          printLines(context.stdout, lines);
        },
      );
    },
  });

/** @param next the command that trains */
async function lookAt(
  config: NamedConfig,
  runDir: string,
  next: string,
  context: Context,
  as: { quiet: boolean; json: boolean },
): Promise<void> {
  // Of JSON there is one object, at the end.
  const progress = watch(context, config, { quiet: as.quiet || as.json, json: false });
  // What was made for the look is removed.
  const signals = context.catchSignals(() => true);
  try {
    const { dryRun } = await context.loadLibrary();
    const { describeDryRun } = await import('./summaries/dry-run.js');
    const look = await dryRun(config, runDir, progress.observe, signals.signal);
    progress.close();
    printLines(
      context.stdout,
      as.json ? [JSON.stringify(look)] : [...describeDryRun(look, config), `Next: ${next}`],
    );
  } catch (error) {
    if (error !== signals.signal.reason) throw error;
    context.status = signals.status ?? 1;
  } finally {
    signals.release();
    progress.close();
  }
}

/** Options that stand for a key of the config, where they are given, as `key=value`. */
function listOverrides(options: Record<string, string | number | undefined>): string[] {
  return Object.entries(options)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key}=${value!}`);
}

/** Who shows the run to the user. */
function watch(
  { stdout, stderr }: Context,
  config: NamedConfig,
  { quiet, json }: { quiet: boolean; json: boolean },
): Observer {
  if (json) {
    return {
      observe: (event) => void stdout.write(formatLine(event)),
      close: () => undefined,
    };
  }
  return quiet ? showFailures(stderr) : showProgress(stderr, { bestBy: config.train.bestBy });
}

async function trainObserved(
  config: NamedConfig,
  options: { runDir: string; resume: boolean; override: boolean },
  context: Context,
  progress: Observer,
  report: (end: EndEvent, start: StartEvent | undefined) => void,
): Promise<void> {
  const notify = (message: string) => progress.observe({ type: 'notice', message });
  const observers: Observer[] = [progress, logMetrics(notify), memoryKeeper];
  let start: StartEvent | undefined;
  observers.push({
    observe: (event) => {
      if (event.type === 'start') start = event;
    },
    close: () => undefined,
  });
  const signals = context.catchSignals(() => {
    notify(
      start !== undefined
        ? 'Stopping: this step is finished and a checkpoint written; once more ends at once.'
        : 'Stopped before the first step.',
    );
    return start !== undefined;
  });
  let server: MetricsServer | undefined;
  let end: EndEvent | undefined;
  try {
    const { port, host, hosts, tokenFile } = config.metrics;
    if (port !== null) {
      // What a run without a page need not wait for.
      const [{ collectMetrics }, { serveMetrics }, { compareWithDefaults }, { measurePeak }] =
        await Promise.all([
          import('../observe/metrics.js'),
          import('../observe/server/serve.js'),
          import('../observe/board/config-view.js'),
          import('../bench/peak.js'),
        ]);
      const metrics = collectMetrics(measurePeak);
      const status = trackStatus();
      const health = trackHealth();
      observers.push(metrics, status, health);
      server = await serveMetrics({
        host,
        port,
        hosts,
        token: tokenFile === null ? null : await readToken(tokenFile),
        registry: metrics.registry,
        readStatus: status.read,
        signs: health.signs,
        run: {
          directory: resolve(options.runDir),
          name: config.name,
          since: Date.now(),
          config: { entries: compareWithDefaults(config) },
        },
        notify,
      });
      notify(`Live page at ${server.url}, metrics at ${server.url}metrics`);
    }
    const { train } = await context.loadLibrary();
    end = await train(config, {
      ...options,
      listener: (event) => observers.forEach((observer) => observer.observe(event)),
      signal: signals.signal,
    });
    // A run that was stopped is not done: `train … && evaluate …` must not go on.
    if (end.reason === 'stopped') context.status = signals.status ?? 1;
    await server?.finish(1000 * config.metrics.lastScrapeSeconds);
  } finally {
    signals.release();
    observers.forEach((observer) => observer.close());
    if (end !== undefined) report(end, start);
    await server?.close();
  }
}

/**
 * Keeps resident memory level once training begins: V8 lets the place for young objects double again and again, up to
 * tens of megabytes, though a step leaves little garbage. Preparing, which leaves much, is over by then.
 */
const memoryKeeper: Observer = {
  observe: ({ type }) => {
    if (type === 'start') setFlagsFromString('--semi-space-growth-factor=1');
  },
  close: () => undefined,
};
