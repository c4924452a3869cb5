/** One metric for Prometheus. */
export interface MetricDefinition {
  readonly name: string;
  readonly kind: 'gauge' | 'counter' | 'histogram';
  readonly help: string;
  /** Names of its labels. */
  readonly labels?: readonly string[];
}

const gauge = (name: string, help: string, ...labels: string[]) =>
  ({ name: `lockstep_${name}`, kind: 'gauge', help, labels }) as const;
const counter = (name: string, help: string, ...labels: string[]) =>
  ({ name: `lockstep_${name}_total`, kind: 'counter', help, labels }) as const;
const histogram = (name: string, help: string, ...labels: string[]) =>
  ({ name: `lockstep_${name}_seconds`, kind: 'histogram', help, labels }) as const;

/** Every metric of a run, in the order of docs/metrics.md, whose table is made of this. Names are a promise: boards and rules of others stand on them. */
export const METRICS = {
  build: gauge(
    'build_info',
    'What computes, as labels of a 1: versions of Lockstep and of Node.',
    ...['version', 'node'],
  ),
  run: gauge(
    'run_info',
    'The run, as labels of a 1: name of its directory, task, backend and numeric profile, and the first twelve digits of the SHA-256 of the part of its config that decides its weights.',
    ...['run', 'task', 'backend', 'profile', 'config'],
  ),
  state: gauge(
    'run_state',
    'What the run is doing: 1 for one of preparing, training, finished and stopped, 0 for the others. A run that fails or dies never reaches the last two.',
    'state',
  ),
  preparedBytes: gauge(
    'prepared_bytes',
    'Bytes that the present stage of preparing the data has done; each stage begins at 0.',
  ),
  badRows: counter('bad_rows', 'Rows of the data that were left out because they cannot be used.'),
  epoch: gauge(
    'epoch',
    'Passes over the training split done, with the fraction: 1.5 is in the middle of the second one.',
  ),
  progress: gauge(
    'progress_ratio',
    "Share of the run's steps that are done, 0 to 1; a resumed run begins where it left off.",
  ),
  timeLeft: gauge(
    'time_left_seconds',
    'Time until the last step, at the pace of this process so far, evaluations and checkpoints included.',
  ),
  loss: gauge(
    'train_loss',
    "Mean loss of the last step's batch, in nats per target; of numbers their standardised error.",
  ),
  accuracy: gauge(
    'train_accuracy',
    "Share of that batch's targets that were predicted rightly, 0 to 1; of several labels a row of rows with all of them right.",
  ),
  rmse: gauge(
    'train_rmse',
    'Of numbers, in the place of accuracy: root of the mean squared error of that batch, in their unit.',
  ),
  gradientNorm: gauge(
    'gradient_norm',
    'Global norm of the last gradient before clipping. Sudden growth comes before a diverging loss.',
  ),
  learningRate: gauge('learning_rate', 'Learning rate of the last step.'),
  steps: counter('steps', 'Steps, those included that were not applied.'),
  badSteps: counter(
    'bad_steps',
    'Steps that were skipped: not applied, because their loss or gradient was not finite.',
  ),
  rows: counter('rows', 'Rows trained on.'),
  tokens: counter('tokens', 'Tokens trained on; rate() of it is the throughput.'),
  stepDuration: histogram(
    'step_duration',
    'How long a step takes from its start to the updated weights.',
  ),
  phaseDuration: histogram(
    'step_phase_duration',
    "Where that time goes, by phase; the phases' sums add up to that of the steps. Phases that a network has not are absent.",
    'phase',
  ),
  busy: gauge(
    'worker_busy_ratio',
    'Share of the last step that the workers spent computing. Well below 1 means that they wait for each other, for data or for the coordinator.',
  ),
  dataWait: gauge(
    'data_wait_ratio',
    'Share of the last step that passed in waiting for its batch to be read.',
  ),
  peakShare: gauge(
    'fma_peak_ratio',
    "Of the floating-point operations that the workers' cores could do, the share that the last step did, in the usual count (a multiply-add is two, backward is twice forward). What one core can do is measured once, on registers alone, before the first step; cores that slow down together reach less.",
  ),
  workers: gauge('workers', 'Threads that compute.'),
  deaths: counter(
    'worker_deaths',
    'Workers that died, and were replaced. The results do not change; the machine may need a look.',
  ),
  retries: counter('task_retries', 'Tasks that were given to another worker because one had died.'),
  heap: gauge(
    'heap_bytes',
    'Memory shared by all workers, planned before the first step. It does not change during a run.',
  ),
  plannedMemory: gauge('planned_memory_bytes', 'What that memory is for; the sum of it.', 'kind'),
  evaluations: counter('evaluations', 'Evaluations of the validation split.'),
  evaluationDuration: histogram('evaluation_duration', 'How long they take.'),
  validationLoss: gauge(
    'validation_loss',
    'Loss of the last evaluation on the validation split, in nats per target; of numbers their standardised error.',
  ),
  validationAccuracy: gauge('validation_accuracy', 'Accuracy of the same evaluation, 0 to 1.'),
  validationF1: gauge(
    'validation_f1',
    'F1 of its entities or labels, 0 to 1; where tags or labels are told.',
  ),
  validationPerplexity: gauge(
    'validation_perplexity',
    'Perplexity, of language models and translators.',
  ),
  validationRmse: gauge(
    'validation_rmse',
    'Root of the mean squared error, of numbers, in their unit.',
  ),
  validationMae: gauge('validation_mae', 'Mean size of the errors, of numbers, in their unit.'),
  validationR2: gauge('validation_r2', 'Coefficient of determination, of numbers.'),
  validationBleu: gauge(
    'validation_bleu',
    'BLEU of the pairs that the last evaluation translated (train.evaluateTranslations), 0 to 100; of translators.',
  ),
  validationChrf: gauge('validation_chrf', 'chrF of the same translations, 0 to 100.'),
  validationExact: gauge(
    'validation_exact',
    'Share of the same translations that are those that are given, 0 to 1.',
  ),
  best: gauge(
    'best_validation',
    'The best evaluation so far by train.bestBy, which the label names; earlier starts of the run included.',
    'measure',
  ),
  bestStep: gauge('best_step', 'After how many steps that was.'),
  checkpoints: counter(
    'checkpoints',
    'Checkpoints by outcome: written, or failed, which goes on and tries again at the next one.',
    'outcome',
  ),
  checkpointDuration: histogram('checkpoint_duration', 'How long writing a checkpoint takes.'),
} as const satisfies Record<string, MetricDefinition>;

export type MetricKey = keyof typeof METRICS;

/** Upper bounds of durations in seconds: steps of tiny models, and checkpoints of large ones on slow disks. */
export const DURATION_BUCKETS = [
  ...[0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5],
  ...[1, 2.5, 5, 10, 30, 60, 120, 300, 600],
];

/** The table of docs/metrics.md, as Markdown. */
export function describeMetrics(): string[] {
  const rows = Object.values(METRICS).map(({ name, kind, help, labels }) => {
    const full = labels.length === 0 ? name : `${name}{${labels.join(', ')}}`;
    return `| \`${full}\` | ${kind} | ${help} |`;
  });
  return ['| metric | kind | meaning |', '| --- | --- | --- |', ...rows];
}
