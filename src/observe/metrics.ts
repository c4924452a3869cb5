import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import type { TrainEvent } from '../events.js';
import type { Observer } from './observer.js';
import { RUN_STATES, type Status } from './status.js';

/** Watches a run for Prometheus. Every metric is explained in docs/metrics.md. */
export interface MetricsObserver extends Observer {
  /** A registry of its own: nothing else in the process writes to it. */
  readonly registry: Registry;
}

export function collectMetrics(): MetricsObserver {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const gauge = (name: string, help: string) => new Gauge({ name, help, registers });
  /** Has no value before the first one is set: a loss of 0 that nobody has measured would tell a lie. */
  const measured = (name: string, help: string) => {
    const metric = gauge(name, help);
    metric.remove();
    return metric;
  };
  const counter = (name: string, help: string) => new Counter({ name, help, registers });

  const loss = measured(
    'lockstep_train_loss',
    'Mean loss of the last step in nats per target; of numbers their standardised error.',
  );
  const accuracy = measured(
    'lockstep_train_accuracy',
    'Share of targets that the last step predicted rightly.',
  );
  const error = measured(
    'lockstep_train_rmse',
    'Root of the mean squared error of the last step, in the unit of the targets; of numbers.',
  );
  const gradientNorm = measured(
    'lockstep_gradient_norm',
    'Global norm of the last gradient, before clipping.',
  );
  const learningRate = measured('lockstep_learning_rate', 'Learning rate of the last step.');
  const steps = counter('lockstep_steps_total', 'Steps done by this process.');
  const badSteps = counter(
    'lockstep_bad_steps_total',
    'Steps that were not applied, because their loss or gradient was not finite.',
  );
  const rows = counter('lockstep_rows_total', 'Rows trained on by this process.');
  const tokens = counter('lockstep_tokens_total', 'Tokens trained on by this process.');
  const stepDuration = new Histogram({
    name: 'lockstep_step_duration_seconds',
    help: 'How long steps take.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
    registers,
  });
  const phases = new Counter({
    name: 'lockstep_step_phase_seconds_total',
    help: "Where the steps' time went, by phase.",
    labelNames: ['phase'],
    registers,
  });
  const busy = measured(
    'lockstep_worker_busy_ratio',
    'Share of the last step that the workers spent computing; 1 when none ever waited.',
  );
  const workers = measured('lockstep_workers', 'Threads that compute.');
  const deaths = counter('lockstep_worker_deaths_total', 'Workers that died and were replaced.');
  const validationLoss = measured(
    'lockstep_validation_loss',
    'Loss of the last evaluation on the validation split in nats per target; of numbers their standardised error.',
  );
  const validationAccuracy = measured(
    'lockstep_validation_accuracy',
    'Share of the validation targets that the last evaluation predicted rightly.',
  );
  const validationError = measured(
    'lockstep_validation_rmse',
    'Root of the mean squared error of the last evaluation, in the unit of the targets; of numbers.',
  );
  const validationTranslations = {
    bleu: measured(
      'lockstep_validation_bleu',
      'BLEU of the pairs that the last evaluation translated, 0 to 100; of translators.',
    ),
    chrf: measured('lockstep_validation_chrf', 'chrF of the same translations, 0 to 100.'),
    exact: measured(
      'lockstep_validation_exact',
      'Share of the same translations that are those that are given.',
    ),
  };
  const checkpoints = counter('lockstep_checkpoints_total', 'Checkpoints written.');
  const checkpointFailures = counter(
    'lockstep_checkpoint_failures_total',
    'Checkpoints that could not be written.',
  );
  const checkpointDuration = new Histogram({
    name: 'lockstep_checkpoint_duration_seconds',
    help: 'How long writing a checkpoint takes.',
    buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300],
    registers,
  });
  const heap = measured(
    'lockstep_heap_bytes',
    'Memory shared by all workers, planned at the start.',
  );
  const epoch = measured(
    'lockstep_epoch',
    'Passes over the training split done, with the fraction.',
  );
  const progress = measured(
    'lockstep_progress_ratio',
    'Share of all steps of the run that are done.',
  );

  const preparedBytes = measured(
    'lockstep_prepared_bytes',
    'Bytes that the present stage of preparing the data has done.',
  );
  const runState = new Gauge({
    name: 'lockstep_run_state',
    help: 'What the run is doing: 1 for the state that it is in, 0 for the others.',
    labelNames: ['state'],
    registers,
  });
  const enter = (state: Status['state']) => {
    for (const each of RUN_STATES) runState.set({ state: each }, each === state ? 1 : 0);
  };
  enter('preparing');

  let stepsPerEpoch = 1;
  let totalSteps = 1;
  const showStep = (step: number) => {
    epoch.set(step / stepsPerEpoch);
    progress.set(step / totalSteps);
  };

  const observe = (event: TrainEvent) => {
    switch (event.type) {
      case 'start':
        ({ stepsPerEpoch, totalSteps } = event);
        workers.set(event.workers);
        heap.set(event.heapBytes);
        showStep(event.fromStep);
        enter('training');
        break;
      case 'step':
        loss.set(event.loss);
        if (event.accuracy !== undefined) accuracy.set(event.accuracy);
        if (event.mse !== undefined) error.set(Math.sqrt(event.mse));
        gradientNorm.set(event.gradNorm);
        learningRate.set(event.learningRate);
        steps.inc();
        if (!Number.isFinite(event.loss) || !Number.isFinite(event.gradNorm)) badSteps.inc();
        rows.inc(event.rows);
        tokens.inc(event.tokens);
        stepDuration.observe(event.duration);
        for (const [phase, seconds] of Object.entries(event.phases)) phases.inc({ phase }, seconds);
        busy.set(event.busy);
        showStep(event.step);
        break;
      case 'evaluation':
        if (event.split !== 'validation') break;
        validationLoss.set(event.loss);
        if (event.accuracy !== undefined) validationAccuracy.set(event.accuracy);
        if (event.mse !== undefined) validationError.set(Math.sqrt(event.mse));
        for (const name of ['bleu', 'chrf', 'exact'] as const) {
          if (event[name] !== undefined) validationTranslations[name].set(event[name]);
        }
        break;
      case 'checkpoint':
        checkpoints.inc();
        checkpointDuration.observe(event.duration);
        break;
      case 'checkpoint-failed':
        checkpointFailures.inc();
        break;
      case 'worker':
        deaths.inc();
        break;
      case 'prepare':
        preparedBytes.set(event.bytesDone);
        break;
      case 'end':
        enter(event.reason);
        break;
      case 'notice':
      case 'samples':
      case 'hardest':
      case 'confusion':
      case 'timeline':
      case 'resources':
        break;
    }
  };

  return { registry, observe, close: () => registry.clear() };
}
