import { MEASURE_NAMES } from '../../measures.js';
import { numberOf } from './log-event.js';
import { RunPace } from './run-pace.js';
import type { LogEvent, Measured, RunCounts, RunFacts, RunState } from './wire.js';

/** Types of lines that may come before that of the start. */
const BEFORE_START = new Set(['start', 'prepare', 'notice']);

/** What a log says of a run as a whole, in a few numbers. */
export type LogSummary = Omit<
  RunFacts,
  'id' | 'name' | 'directory' | 'live' | 'differs' | 'read' | 'size'
>;

/** Sums up a run's log line by line. */
export class RunSummary {
  #state: RunState = 'empty';
  #pace = new RunPace();
  #startedAt: string | undefined;
  #updatedAt: string | undefined;
  #start: LogEvent | undefined;
  #step = 0;
  #last: Measured | undefined;
  #evaluation: Measured | undefined;
  #best: Measured | undefined;
  #bestBy: string | undefined;
  readonly #counts: RunCounts = {
    starts: 0,
    evaluations: 0,
    checkpoints: 0,
    checkpointFailures: 0,
    workerDeaths: 0,
    notices: 0,
    skippedLines: 0,
  };

  add(event: LogEvent): void {
    this.#noteTime(event);
    // A log that was put aside while the run goes on begins anew without a start.
    if (this.#state === 'empty' && event.type === 'step') this.#state = 'training';
    switch (event.type) {
      case 'start':
        this.#begin(event);
        break;
      case 'step':
        this.#step = numberOf(event.step) ?? this.#step;
        this.#last = measuredOf(event);
        this.#pace.addStep(this.#step, numberOf(event['tokens']) ?? 0);
        break;
      case 'evaluation':
        this.#counts.evaluations++;
        if (event['split'] !== 'validation') break;
        this.#evaluation = measuredOf(event);
        if (event['best'] === true) this.#best = this.#evaluation;
        break;
      case 'checkpoint':
        this.#counts.checkpoints++;
        break;
      case 'checkpoint-failed':
        this.#counts.checkpointFailures++;
        break;
      case 'worker':
        this.#counts.workerDeaths++;
        break;
      case 'notice':
        this.#counts.notices++;
        break;
      case 'end':
        this.#end(event);
        break;
      default:
        break;
    }
  }

  skip(): void {
    this.#counts.skippedLines++;
  }

  tell(): LogSummary {
    const totalSteps = numberOf(this.#start?.['totalSteps']);
    const stepsPerEpoch = numberOf(this.#start?.['stepsPerEpoch']);
    const task = this.#start?.['task'];
    const isTraining = this.#state === 'training';
    return {
      ...{ state: this.#state, seconds: this.#pace.seconds, step: this.#step },
      counts: { ...this.#counts },
      ...defined({
        task: typeof task === 'string' ? task : undefined,
        startedAt: this.#startedAt,
        updatedAt: this.#updatedAt,
        totalSteps,
        epoch: stepsPerEpoch && Math.ceil(this.#step / stepsPerEpoch),
        epochs: stepsPerEpoch && totalSteps && Math.ceil(totalSteps / stepsPerEpoch),
        tokensPerSecond: this.#pace.tokensPerSecond,
        secondsLeft:
          isTraining && totalSteps !== undefined ? this.#pace.secondsLeft(totalSteps) : undefined,
        ...{ last: this.#last, evaluation: this.#evaluation },
        ...{ best: this.#best, bestBy: this.#bestBy },
      }),
    };
  }

  #noteTime({ type, time }: LogEvent): void {
    const milliseconds = typeof time === 'string' ? Date.parse(time) : NaN;
    if (Number.isNaN(milliseconds)) return;
    this.#startedAt ??= time!;
    this.#updatedAt = time!;
    this.#pace.note(milliseconds, !BEFORE_START.has(type));
  }

  #begin(event: LogEvent): void {
    this.#state = 'training';
    this.#start = event;
    this.#counts.starts++;
    this.#step = numberOf(event['fromStep']) ?? 0;
    this.#pace.begin(Date.parse(event.time ?? ''), this.#step);
  }

  #end(event: LogEvent): void {
    this.#state = event['reason'] === 'finished' ? 'finished' : 'stopped';
    const best = event['best'];
    if (typeof best !== 'object' || best === null) return;
    this.#best = measuredOf(best as LogEvent);
    const { by } = best as { by?: unknown };
    this.#bestBy = typeof by === 'string' ? by : 'loss';
  }
}

function measuredOf(event: LogEvent): Measured {
  const measured: Measured = { step: numberOf(event.step) ?? 0 };
  for (const name of MEASURE_NAMES) {
    if (name in event) measured[name] = numberOf(event[name]) ?? null;
  }
  return measured;
}

/** Without the keys that have no value. */
function defined<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(values).filter(([, value]) => value !== undefined);
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> };
}
