import { measureKind, type MeasureName } from '../measures.js';
import type {
  BestEvaluation,
  CheckpointEvent,
  CheckpointFailedEvent,
  EvaluationEvent,
  PrepareEvent,
  Quality,
  StartEvent,
} from '../events.js';
import { printableName } from '../system/printable.js';
import { THREAD_BYTES } from '../compute/sizes.js';
import { formatBytes, formatCount, formatDuration, formatNumber, formatShare } from './figures.js';
import type { Figures } from './pace.js';
import type { PreparePace } from './prepare-pace.js';
import { counted } from '../system/counted.js';

const usualName = { one: 'class', several: 'classes' };

/** Events as lines for the terminal. */

export function describeStart(event: StartEvent): string[] {
  const { backend, classes, classNamed: named = usualName } = event;
  const output = classes.length > 0 ? `${counted(classes.length, named.one, named.several)}, ` : '';
  const products = backend.precision === 'bfloat16' ? ', products in bfloat16' : '';
  const resumed =
    event.fromStep === 0 ? '' : `, continued after step ${formatCount(event.fromStep)}`;
  return [
    `Run ${event.runDir}: ${event.task}, ${counted(event.parameters, 'parameter')}, ${output}vocabulary of ${formatCount(event.vocabulary)}`,
    `Data: ${counted(event.trainRows, 'row')} with ${counted(event.trainTokens, 'token')} to train on, ${counted(event.validationRows, 'row')} to validate on`,
    ...(classes.length === 0 ? [] : [describeClasses(event)]),
    ...(event.targetScale ? [describeScale(event.targetScale)] : []),
    `Computing with ${counted(event.workers, 'worker')} on the ${backend.name} backend (${backend.reason})${products}, ${formatBytes(event.heapBytes)} of shared memory and about ${formatBytes(event.workers * THREAD_BYTES)} for the threads`,
    `${counted(event.totalSteps, 'step')}, ${formatCount(event.stepsPerEpoch)} an epoch${resumed}`,
  ];
}

/** How many classes are named. */
const classesNamed = 12;

/** "Rows to train on by class: ham 1,200 (80.0 %), spam 300 (20.0 %)". */
function describeClasses({
  classes,
  classRows,
  classPer,
  classNamed = usualName,
  trainRows,
}: StartEvent): string {
  const tokens = classRows.reduce((sum, rows) => sum + rows, 0);
  // A row may have several labels.
  const all = classPer === 'token' ? tokens : trainRows;
  const named = classes.slice(0, classesNamed).map((name, id) => {
    const rows = classRows[id]!;
    return `${printableName(name)} ${formatCount(rows)} (${formatShare(all === 0 ? 0 : rows / all)})`;
  });
  const rest = classes.length - named.length;
  const more = rest > 0 ? ` and ${formatCount(rest)} more` : '';
  const what = classPer === 'token' ? 'Tokens' : 'Rows';
  return `${what} to train on by ${classNamed.one}: ${named.join(', ')}${more}`;
}

function describeScale({ mean, deviation }: NonNullable<StartEvent['targetScale']>): string {
  return `Numbers to train on: mean ${formatNumber(mean)}, standard deviation ${formatNumber(deviation)}`;
}

/** "accuracy 95.1 %" or "RMSE 0.1234". */
export function describeQuality({ accuracy, mse }: Quality): string {
  return [
    ...(accuracy === undefined ? [] : [`accuracy ${formatShare(accuracy)}`]),
    ...(mse === undefined ? [] : [`RMSE ${formatNumber(Math.sqrt(mse))}`]),
  ].join(', ');
}

/** "accuracy 95.1 %", "loss 0.1234". */
export function describeMeasure(name: MeasureName, value: number): string {
  return `${measureKind(name).label} ${describeValue(name, value)}`;
}

/** "95.1 %", "0.1234": the value alone. */
export function describeValue(name: MeasureName, value: number): string {
  const { shown } = measureKind(name);
  if (shown === 'share') return formatShare(value);
  return shown === 'digits' ? formatNumber(value) : value.toFixed(shown);
}

/** By what the best evaluation is the best, and its other figures: "F1 87.1 % (loss 0.1234, accuracy 95.1 %)". */
export function describeBest(best: BestEvaluation): string {
  const { by = 'loss' } = best;
  const others = [
    ...(by === 'loss' ? [] : [describeMeasure('loss', best.loss)]),
    ...(by === 'accuracy' ? [] : [describeQuality({ accuracy: best.accuracy })]),
    ...(by === 'rmse' ? [] : [describeQuality({ mse: best.mse })]),
  ].filter((text) => text !== '');
  const more = others.length === 0 ? '' : ` (${others.join(', ')})`;
  return `validation ${describeMeasure(by, best[by]!)}${more}`;
}

export function describePrepare(event: PrepareEvent, pace?: PreparePace): string {
  const counts = `${counted(event.rows, 'row')}, ${counted(event.tokens, 'token')}`;
  switch (event.phase) {
    case 'reused':
      return `The prepared data in ${event.storeDir} still fits: ${counts}`;
    case 'done':
      return `Prepared the data in ${event.storeDir}: ${counts}`;
    case 'copy':
      return `Copying standard input: ${describeRead(event, pace)}`;
    case 'survey':
      return `Looking at the files: ${describeRead(event, pace)}`;
    case 'tokenize':
      return `Turning text into tokens: ${describeRead(event, pace)}`;
    case 'vocabulary':
      return `Building the vocabulary: ${describeRead(event, pace)}`;
    case 'write':
      return `Writing the token store: ${describeRead(event, pace)}`;
  }
}

/** "1.5 GiB (30.0 %), 12,345 rows, 45.6 MB/s, 3 min 5 s left"; rows where they are counted. */
function describeRead(
  { bytesDone, bytesTotal, rows }: PrepareEvent,
  pace: PreparePace | undefined,
): string {
  const share =
    bytesTotal !== null && bytesTotal > 0 ? ` (${formatShare(bytesDone / bytesTotal)})` : '';
  return [
    `${formatBytes(bytesDone)}${share}`,
    ...(rows > 0 ? [counted(rows, 'row')] : []),
    ...(pace === undefined
      ? []
      : [
          `${(pace.bytesPerSecond / 1e6).toFixed(1)} MB/s`,
          ...(pace.secondsLeft === undefined ? [] : [`${formatDuration(pace.secondsLeft)} left`]),
        ]),
  ].join(', ');
}

/** "loss 0.1234, accuracy 95.1 %, 12,345 tokens/s, 3 min 5 s left". */
export function describeFigures(figures: Figures): string {
  return [
    `loss ${figures.loss.toFixed(4)}`,
    describeQuality(figures),
    `${formatCount(figures.tokensPerSecond)} tokens/s`,
    `${formatDuration(figures.secondsLeft)} left`,
  ].join(', ');
}

/** What is told of an evaluation beside loss and quality. */
const told = ['perplexity', 'f1', 'r2', 'bleu', 'chrf', 'exact'] as const;

/** "loss 0.1234", "accuracy 95.1 %", "F1 87.1 %": loss, quality, and what else is told of an evaluation. */
export function describeMeasures(event: EvaluationEvent): string[] {
  const more = told.flatMap((name) => {
    const value = event[name];
    return value === undefined ? [] : describeMeasure(name, value);
  });
  return [describeMeasure('loss', event.loss), describeQuality(event), ...more];
}

/** What stands behind the best evaluation so far. */
export const BEST_SO_FAR = ' (best so far)';

export function describeEvaluation(event: EvaluationEvent): string {
  const figures = describeMeasures(event).join(', ');
  return `Evaluation after step ${formatCount(event.step)}: ${event.split} ${figures}${event.best ? BEST_SO_FAR : ''}`;
}

export function describeCheckpoint(event: CheckpointEvent): string {
  return `Checkpoint ${event.path} (${formatBytes(event.bytes)} in ${formatDuration(event.duration)})`;
}

export function describeCheckpointFailure({ step, reason }: CheckpointFailedEvent): string {
  return `The checkpoint after step ${formatCount(step)} could not be written: ${reason}; the ones before are kept, and the next one is tried in its turn`;
}
