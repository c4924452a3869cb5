import type { Writable } from 'node:stream';
import type { MeasureName } from '../measures.js';
import { printableLine } from '../system/printable.js';
import type { CheckpointEvent, EvaluationEvent, PrepareEvent } from '../events.js';
import { byType, type Observer } from './observer.js';
import { type Figures, Pace } from './pace.js';
import { measurePrepare } from './prepare-pace.js';
import {
  BEST_SO_FAR,
  describeCheckpoint,
  describeCheckpointFailure,
  describeEvaluation,
  describeFigures,
  describePrepare,
  describeStart,
} from './sentences.js';
import { prepareLine, TrainingBlock } from './terminal/block.js';
import { type Paint, paintFor, type Style } from './terminal/colour.js';
import { Screen } from './terminal/screen.js';

/** Least time between two plain lines, and between two changes of the block's figures. */
const LINE_INTERVAL_MS = 2000;
const BLOCK_INTERVAL_MS = 250;

/** How progress is drawn: as lines one after the other, or as a block that changes in place. */
interface Display {
  readonly intervalMs: number;
  /** A line that stays. */
  print(line: string): void;
  /** The state of reading the data, also in words; comes at most every `intervalMs`. */
  showPrepare(event: PrepareEvent, text: string): void;
  /** Takes the state of reading the data away. */
  clear(): void;
  /** The state of the training; comes at most every `intervalMs`. */
  showStep(figures: Figures): void;
  /** What an evaluation found out; its line has been printed. */
  showEvaluation(event: EvaluationEvent): void;
  /** @param line what could be said of it; some say it only where it is news */
  showCheckpoint(event: CheckpointEvent, line: string): void;
  close(): void;
}

/**
 * Shows a run on `stream`: where it is a terminal as a block of a few lines, else as a line every two seconds, and always
 * with a line for each evaluation, lost worker and notice.
 *
 * @param options.bestBy what evaluations are compared by
 * @param options.env NO_COLOR, FORCE_COLOR and TERM
 */
export function showProgress(
  stream: Writable & { isTTY?: boolean },
  options: { bestBy?: MeasureName; env?: NodeJS.ProcessEnv } = {},
): Observer {
  const { bestBy = 'loss', env = process.env } = options;
  const paint = paintFor(stream, env);
  const isTerminal = stream.isTTY === true && env['TERM'] !== 'dumb';
  const display = isTerminal ? drawBlock(stream, paint, bestBy) : writeLines(stream);
  const print = (line: string, style?: Style): void => {
    display.print(paint(printableLine(line), style));
  };
  let pace: Pace | undefined;
  let preparedAt = performance.now();
  const measure = measurePrepare();

  const finish = () => {
    const rest = pace?.take();
    if (rest !== undefined) display.showStep(rest);
    pace = undefined;
  };

  const observe = byType({
    step(event) {
      const figures = pace?.add(event);
      if (figures !== undefined) display.showStep(figures);
    },
    prepare(event) {
      const preparePace = measure(event);
      if (event.phase === 'reused' || event.phase === 'done') {
        display.clear();
        print(describePrepare(event));
      } else if (performance.now() - preparedAt >= display.intervalMs) {
        preparedAt = performance.now();
        display.showPrepare(event, printableLine(describePrepare(event, preparePace)));
      }
    },
    start(event) {
      describeStart(event).forEach((line) => print(line));
      pace = new Pace(event, display.intervalMs);
    },
    evaluation(event) {
      const line = printableLine(describeEvaluation(event));
      const told = event.best ? line.slice(0, -BEST_SO_FAR.length) : line;
      display.print(event.best ? told + paint(BEST_SO_FAR, 'good') : told);
      display.showEvaluation(event);
    },
    checkpoint(event) {
      display.showCheckpoint(event, printableLine(describeCheckpoint(event)));
    },
    'checkpoint-failed'(event) {
      print(describeCheckpointFailure(event), 'bad');
    },
    worker({ reason }) {
      print(`A worker died (${reason}); another one does its work again`, 'odd');
    },
    notice({ message }) {
      print(message);
    },
    end: finish,
  });

  return {
    observe,
    close() {
      finish();
      display.close();
    },
  };
}

/** Tells only of what went wrong, for those who want the result and no progress. */
export function showFailures(stream: Writable): Observer {
  return {
    observe: byType({
      'checkpoint-failed'(event) {
        stream.write(`${printableLine(describeCheckpointFailure(event))}\n`);
      },
    }),
    close: () => undefined,
  };
}

function writeLines(stream: Writable): Display {
  const print = (line: string) => {
    stream.write(`${line}\n`);
  };
  return {
    intervalMs: LINE_INTERVAL_MS,
    print,
    showPrepare: (_event, text) => print(text),
    clear: () => undefined,
    showStep: (figures) =>
      print(
        `Step ${figures.step}/${figures.totalSteps}, epoch ${figures.epoch}/${figures.epochs}: ${describeFigures(figures)}`,
      ),
    showEvaluation: () => undefined,
    showCheckpoint: (_event, line) => print(line),
    close: () => undefined,
  };
}

function drawBlock(stream: Writable, paint: Paint, bestBy: MeasureName): Display {
  const screen = new Screen(stream);
  const block = new TrainingBlock(paint, bestBy);
  const draw = () => screen.draw(block.lines(screen.columns));
  const forget = () => screen.forget();
  process.on('SIGCONT', forget);

  return {
    intervalMs: BLOCK_INTERVAL_MS,
    print: (line) => screen.print(line),
    showPrepare: (event, text) => screen.draw([prepareLine(event, text, screen.columns, paint)]),
    clear: () => screen.draw([]),
    showStep(figures) {
      block.step(figures);
      draw();
    },
    showEvaluation(event) {
      block.evaluation(event);
      draw();
    },
    showCheckpoint(event) {
      block.checkpoint(event);
      draw();
    },
    close() {
      draw();
      process.off('SIGCONT', forget);
    },
  };
}
