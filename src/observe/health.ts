import type { EvaluationEvent, StartEvent, StepEvent, TrainEvent } from '../events.js';
import { sharedClock } from '../system/monotonic.js';
import { formatDuration } from './figures.js';
import { byType, type Observer } from './observer.js';

/**
 * Signs of life of a run, on memory that the thread which serves shares: it sees also that the one which trains hangs, and asks it nothing.
 * Numbers: whether the run prepares, trains or has ended; when it got on last, in milliseconds of the clock that threads have in common; and
 * the most milliseconds that should pass until it does again.
 */
export type HealthSigns = SharedArrayBuffer;

const STAGE = { preparing: 0, training: 1, ended: 2 } as const;
const PLACE = { stage: 0, progressAt: 1, boundMs: 2 } as const;

/** However short steps are: machines sleep, disks are slow. */
const LEAST_SECONDS = 60;
/** How many times as long as the longest ones of late a step, an evaluation, a checkpoint may take. */
const STEPS = 20;
const OTHERS = 3;
/** Before the first evaluation: how many times as long as steps on as many tokens. Some translate. */
const EVALUATION_STEPS = 10;
/** What is longest is forgotten step by step: the first ones may be slow. */
const FORGOTTEN = 0.99;
/** By these a run has not got on. */
const NO_PROGRESS: ReadonlySet<TrainEvent['type']> = new Set(['prepare', 'worker', 'notice']);

export interface HealthObserver extends Observer {
  readonly signs: HealthSigns;
}

/** Keeps signs of life: some numbers for each event. */
export function trackHealth(clock: () => number = sharedClock()): HealthObserver {
  const signs = new SharedArrayBuffer(8 * Object.keys(PLACE).length);
  const values = new Float64Array(signs);
  let start: StartEvent | undefined;
  let [longestStep, longestOther, firstEvaluation] = [0, 0, 0];
  // Nobody knows how long the first step takes: whoever ended the run for it would do so again and again.
  let hasStepped = false;

  const step = ({ duration, tokens }: StepEvent): void => {
    hasStepped = true;
    longestStep = Math.max(duration, FORGOTTEN * longestStep);
    if (!start || longestOther > 0) return;
    const validationTokens = (start.trainTokens / start.trainRows) * start.validationRows;
    firstEvaluation = EVALUATION_STEPS * duration * (validationTokens / tokens);
  };
  const evaluation = ({ duration }: EvaluationEvent): void => {
    firstEvaluation = 0;
    longestOther = Math.max(longestOther, duration);
  };
  const getOn = (): void => {
    values[PLACE.progressAt] = clock();
    const seconds = [LEAST_SECONDS, STEPS * longestStep, OTHERS * longestOther, firstEvaluation];
    values[PLACE.boundMs] = hasStepped ? 1000 * Math.max(...seconds) : Infinity;
  };

  const learn = byType({
    start(event) {
      start = event;
      values[PLACE.stage] = STAGE.training;
    },
    step,
    evaluation,
    checkpoint({ duration }) {
      longestOther = Math.max(longestOther, duration);
    },
    end() {
      values[PLACE.stage] = STAGE.ended;
    },
  });
  const observe = (event: TrainEvent): void => {
    if (NO_PROGRESS.has(event.type)) return;
    learn(event);
    getOn();
  };
  return { signs, observe, close: () => undefined };
}

/** A sentence where a run trains and does not get on as it should. */
export function describeStall(signs: HealthSigns, now: number): string | undefined {
  const values = new Float64Array(signs);
  const silentMs = now - values[PLACE.progressAt]!;
  if (values[PLACE.stage] !== STAGE.training || silentMs <= values[PLACE.boundMs]!)
    return undefined;
  const [silent, bound] = [silentMs, values[PLACE.boundMs]!].map((ms) => formatDuration(ms / 1000));
  return `The training has made no step, evaluation or checkpoint for ${silent}, and ${bound} is the most that one should take.`;
}

/** Whether training has begun. */
export function hasBegun(signs: HealthSigns): boolean {
  return new Float64Array(signs)[PLACE.stage] !== STAGE.preparing;
}
