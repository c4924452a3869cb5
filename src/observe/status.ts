import type { EvaluationEvent, StartEvent } from '../events.js';
import { byType, type Observer } from './observer.js';
import { type Figures, Pace } from './pace.js';
import { describeCheckpointFailure } from './sentences.js';
import { printableLine } from '../system/printable.js';

/** What a run can be doing, in this order. A run that fails or dies is in neither of the last two. */
export const RUN_STATES = ['preparing', 'training', 'finished', 'stopped'] as const;

/** A run in a few numbers, for programs: the answer to `/status.json`. The page reads the run's log. */
export interface Status {
  state: (typeof RUN_STATES)[number];
  run?: Pick<
    StartEvent,
    'runDir' | 'task' | 'workers' | 'parameters' | 'heapBytes' | 'totalSteps'
  > & {
    backend: string;
    /** Its numeric profile. */
    profile: string;
  };
  figures?: Figures;
  evaluation?: Pick<EvaluationEvent, 'step' | 'split' | 'loss' | 'accuracy' | 'mse'>;
  /** Where the last step's time went, in seconds by phase. */
  phases: Record<string, number>;
  workerDeaths: number;
  notice?: string;
  /** Curves as [step, loss] pairs, thinned out to some hundred points. */
  curves: { train: [number, number][]; validation: [number, number][] };
}

export interface StatusObserver extends Observer {
  read: () => Status;
}

/** Keeps what is told of a run, in bounded memory. */
export function trackStatus(): StatusObserver {
  const train = new Curve();
  const validation = new Curve();
  const status: Omit<Status, 'figures' | 'curves'> = {
    state: 'preparing',
    phases: {},
    workerDeaths: 0,
  };
  let pace: Pace | undefined;
  let figures: Figures | undefined;

  const observe = byType({
    start(event) {
      const { runDir, task, workers, parameters, heapBytes, totalSteps, backend } = event;
      status.state = 'training';
      status.run = {
        runDir: printableLine(runDir),
        task,
        workers,
        parameters,
        heapBytes,
        totalSteps,
        backend: backend.name,
        profile: backend.profile,
      };
      pace = new Pace(event, 1000);
    },
    step(event) {
      train.add(event.step, event.loss);
      status.phases = event.phases;
      // The first step shows at once, later ones once a second.
      figures = pace?.add(event) ?? figures ?? pace?.take();
    },
    evaluation({ step, split, loss, accuracy, mse }) {
      if (split === 'validation') validation.add(step, loss);
      status.evaluation = {
        ...{ step, split: printableLine(split), loss },
        ...(accuracy !== undefined && { accuracy }),
        ...(mse !== undefined && { mse }),
      };
    },
    worker() {
      status.workerDeaths++;
    },
    'checkpoint-failed'(event) {
      status.notice = printableLine(describeCheckpointFailure(event));
    },
    notice({ message }) {
      status.notice = printableLine(message);
    },
    end({ reason }) {
      status.state = reason;
      figures = pace?.take() ?? figures;
    },
  });

  return {
    observe,
    read: () => ({
      ...status,
      ...(figures && { figures }),
      curves: { train: train.points(), validation: validation.points() },
    }),
    close: () => undefined,
  };
}

/**
 * Curves are thinned out in three ways, for three ends: here into pairs of step and mean that programs read as they are; for the terminal into means
 * alone, since a line of text has no steps (terminal/sparkline.ts); for the page by step, with the least and the greatest value and the place in the
 * log, so that it can be looked into (board/series.ts).
 */

/** Most points of a curve; a power of two. */
const CAPACITY = 512;

/**
 * A curve of any length in bounded memory: when it is full, neighbours are averaged two by two and
 * each point stands for twice as many values from then on.
 */
class Curve {
  #points: [number, number][] = [];
  #valuesPerPoint = 1;
  #sum = 0;
  #values = 0;

  add(x: number, y: number): void {
    this.#sum += y;
    this.#values++;
    if (this.#values < this.#valuesPerPoint) return;
    this.#points.push([x, this.#sum / this.#values]);
    this.#sum = this.#values = 0;
    if (this.#points.length < CAPACITY) return;
    const halved: [number, number][] = [];
    for (let i = 1; i < CAPACITY; i += 2) {
      const [x, y] = this.#points[i]!;
      halved.push([x, (this.#points[i - 1]![1] + y) / 2]);
    }
    this.#points = halved;
    this.#valuesPerPoint *= 2;
  }

  points(): [number, number][] {
    return this.#points;
  }
}
