import { basename } from 'node:path';
import { availableParallelism } from 'node:os';
import { collectDefaultMetrics, Counter, Gauge, Registry } from 'prom-client';
import type { BackendKind } from '../backend/block.js';
import type { EvaluationEvent, StartEvent, StepEvent } from '../events.js';
import { packageVersion } from '../package-root.js';
import { DurationHistogram } from './duration-histogram.js';
import { METRICS, type MetricKey } from './metric-definitions.js';
import { byType, type Observer } from './observer.js';
import { RUN_STATES, type Status } from './status.js';

/** Watches a run for Prometheus. Every metric is explained in docs/metrics.md. */
export interface MetricsObserver extends Observer {
  /** A registry of its own: nothing else in the process writes to it. */
  readonly registry: Registry;
}

/** Digits of the config's digest that tell configs apart. */
const DIGEST_DIGITS = 12;

const MISNAMED = ['handles', 'requests', 'resources'].map((what) => `nodejs_active_${what}_total`);

/** Gauges that show what an evaluation has measured. */
const MEASURED = {
  loss: 'validationLoss',
  accuracy: 'validationAccuracy',
  f1: 'validationF1',
  perplexity: 'validationPerplexity',
  rmse: 'validationRmse',
  mae: 'validationMae',
  r2: 'validationR2',
  bleu: 'validationBleu',
  chrf: 'validationChrf',
  exact: 'validationExact',
} as const satisfies Partial<Record<keyof EvaluationEvent, MetricKey>>;

/** @param measurePeak gives the GFLOP/s that one core can do on a backend; without it no share of them is told */
export function collectMetrics(measurePeak?: (backend: BackendKind) => number): MetricsObserver {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  // Gauges that are called as counters are.
  for (const name of MISNAMED) registry.removeSingleMetric(name);
  const metrics = createMetrics(registry);
  const { gauges, counters, histograms } = metrics;
  const enter = (state: Status['state']) => {
    for (const each of RUN_STATES) gauges.state.set({ state: each }, each === state ? 1 : 0);
  };
  gauges.build.set({ version: packageVersion(), node: process.version }, 1);
  for (const outcome of ['written', 'failed']) counters.checkpoints.inc({ outcome }, 0);
  enter('preparing');

  let run: { start: StartEvent; startedAt: number; peakFlops: number } | undefined;
  const showStep = (step: number) => {
    if (!run) return;
    const { stepsPerEpoch, totalSteps, fromStep } = run.start;
    gauges.epoch.set(step / stepsPerEpoch);
    gauges.progress.set(step / totalSteps);
    const done = step - fromStep;
    const pace = (performance.now() - run.startedAt) / 1000 / done;
    if (done > 0) gauges.timeLeft.set(pace * (totalSteps - step));
  };
  const begin = (start: StartEvent) => {
    // Before the first step, while no worker computes: a tenth of a second, once.
    const cores = Math.min(start.workers, availableParallelism());
    const peakFlops = measurePeak
      ? 1e9 * cores * measurePeak(start.backend.name as BackendKind)
      : 0;
    run = { start, startedAt: performance.now(), peakFlops };
    describeRun(metrics, start);
    showStep(start.fromStep);
    enter('training');
  };
  const step = (event: StepEvent) => {
    const { duration, phases } = event;
    gauges.loss.set(event.loss);
    if (event.accuracy !== undefined) gauges.accuracy.set(event.accuracy);
    if (event.mse !== undefined) gauges.rmse.set(Math.sqrt(event.mse));
    gauges.gradientNorm.set(event.gradNorm);
    gauges.learningRate.set(event.learningRate);
    counters.steps.inc();
    if (!Number.isFinite(event.loss) || !Number.isFinite(event.gradNorm)) counters.badSteps.inc();
    counters.rows.inc(event.rows);
    counters.tokens.inc(event.tokens);
    histograms.stepDuration.observe(duration);
    for (const phase in phases) {
      if (phases[phase]! > 0) histograms.phaseDuration.observe(phases[phase]!, phase);
    }
    gauges.busy.set(event.busy);
    gauges.dataWait.set((phases['waiting for data'] ?? 0) / duration);
    if (run && run.peakFlops > 0) {
      const flops = run.start.flopsPerToken * event.tokens;
      gauges.peakShare.set(flops / duration / run.peakFlops);
    }
    showStep(event.step);
  };
  const evaluation = (event: EvaluationEvent) => {
    if (event.split !== 'validation') return;
    counters.evaluations.inc();
    histograms.evaluationDuration.observe(event.duration);
    for (const [name, key] of Object.entries(MEASURED)) {
      const value = event[name as keyof typeof MEASURED];
      if (value !== undefined) gauges[key].set(value);
    }
    const measure = run?.start.bestBy ?? 'loss';
    if (!event.best || event[measure] === undefined) return;
    gauges.best.set({ measure }, event[measure]);
    gauges.bestStep.set(event.step);
  };

  const observe = byType({
    start: begin,
    step,
    evaluation,
    checkpoint({ duration }) {
      counters.checkpoints.inc({ outcome: 'written' });
      histograms.checkpointDuration.observe(duration);
    },
    'checkpoint-failed'() {
      counters.checkpoints.inc({ outcome: 'failed' });
    },
    worker({ retried }) {
      counters.deaths.inc();
      if (retried === true) counters.retries.inc();
    },
    prepare({ bytesDone }) {
      gauges.preparedBytes.set(bytesDone);
    },
    end({ reason }) {
      if (reason === 'finished') gauges.timeLeft.set(0);
      enter(reason);
    },
  });

  return { registry, observe, close: () => registry.clear() };
}

/** What does not change while the run goes on. */
function describeRun({ gauges, counters }: Metrics, start: StartEvent): void {
  const { runDir, task, backend, configDigest, best, bestBy } = start;
  gauges.run.set(
    {
      ...{ run: basename(runDir), task, backend: backend.name, profile: backend.profile },
      config: configDigest.slice(0, DIGEST_DIGITS),
    },
    1,
  );
  gauges.workers.set(start.workers);
  gauges.heap.set(start.heapBytes);
  for (const [kind, bytes] of Object.entries(start.memory)) {
    gauges.plannedMemory.set({ kind }, bytes);
  }
  counters.badRows.inc(start.badRows);
  if (best?.[bestBy] === undefined) return;
  gauges.best.set({ measure: bestBy }, best[bestBy]);
  gauges.bestStep.set(best.step);
}

type Metrics = ReturnType<typeof createMetrics>;
type KeysOf<Kind> = {
  [Key in MetricKey]: (typeof METRICS)[Key]['kind'] extends Kind ? Key : never;
}[MetricKey];

/** All that are defined, by their kinds. */
function createMetrics(registry: Registry) {
  const gauges: Partial<Record<MetricKey, Gauge>> = {};
  const counters: Partial<Record<MetricKey, Counter>> = {};
  const histograms: Partial<Record<MetricKey, DurationHistogram>> = {};
  for (const [name, definition] of Object.entries(METRICS)) {
    const key = name as MetricKey;
    const options = {
      ...{ name: definition.name, help: definition.help, labelNames: definition.labels },
      registers: [registry],
    };
    if (definition.kind === 'counter') counters[key] = new Counter(options);
    else if (definition.kind === 'gauge') {
      const gauge = new Gauge(options);
      // None has a value before the first one is set: a loss of 0 that nobody has measured would tell a lie.
      if (definition.labels.length === 0) gauge.remove();
      gauges[key] = gauge;
    } else {
      const histogram = new DurationHistogram(definition);
      registry.registerMetric(histogram.asMetric());
      histograms[key] = histogram;
    }
  }
  return {
    gauges: gauges as Record<KeysOf<'gauge'>, Gauge>,
    counters: counters as Record<KeysOf<'counter'>, Counter>,
    histograms: histograms as Record<KeysOf<'histogram'>, DurationHistogram>,
  };
}
