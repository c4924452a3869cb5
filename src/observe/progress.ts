import type { Writable } from 'node:stream';
import { MultiBar, Presets, type SingleBar } from 'cli-progress';
import { printableLine } from '../system/printable.js';
import type { PrepareEvent, TrainEvent } from '../events.js';
import type { Observer } from './observer.js';
import { type Figures, Pace } from './pace.js';
import { measurePrepare } from './prepare-pace.js';
import {
  describeCheckpoint,
  describeCheckpointFailure,
  describeEvaluation,
  describeFigures,
  describePrepare,
  describeStart,
} from './sentences.js';

/** Least time between two plain lines, and between two changes of the bar's figures. */
const LINE_INTERVAL_MS = 2000;
const BAR_INTERVAL_MS = 250;

/** How progress is drawn: as lines one after the other, or as a bar that changes in place. */
interface Display {
  readonly intervalMs: number;
  /** A line that stays. */
  print(line: string): void;
  /** The state of reading the data, also in words; comes at most every `intervalMs`. */
  showPrepare(event: PrepareEvent, text: string): void;
  /** The state of the training; comes at most every `intervalMs`. */
  showStep(figures: Figures): void;
  close(): void;
}

/**
 * Shows a run on `stream`: a bar where it is a terminal, else a line every two seconds, and always
 * a line for each evaluation, checkpoint, lost worker and notice.
 */
export function showProgress(stream: Writable & { isTTY?: boolean }): Observer {
  const drawn = stream.isTTY === true ? drawBar(stream) : writeLines(stream);
  const display: Display = {
    ...drawn,
    print: (line) => drawn.print(printableLine(line)),
    showPrepare: (event, text) => drawn.showPrepare(event, printableLine(text)),
  };
  let pace: Pace | undefined;
  let preparedAt = performance.now();
  const measure = measurePrepare();

  const finish = () => {
    const rest = pace?.take();
    if (rest !== undefined) display.showStep(rest);
    pace = undefined;
  };

  const observe = (event: TrainEvent) => {
    switch (event.type) {
      case 'step': {
        const figures = pace?.add(event);
        if (figures !== undefined) display.showStep(figures);
        break;
      }
      case 'prepare': {
        const preparePace = measure(event);
        if (event.phase === 'reused' || event.phase === 'done') {
          display.print(describePrepare(event));
        } else if (performance.now() - preparedAt >= display.intervalMs) {
          preparedAt = performance.now();
          display.showPrepare(event, describePrepare(event, preparePace));
        }
        break;
      }
      case 'start':
        describeStart(event).forEach((line) => display.print(line));
        pace = new Pace(event, display.intervalMs);
        break;
      case 'evaluation':
        display.print(describeEvaluation(event));
        break;
      case 'checkpoint':
        display.print(describeCheckpoint(event));
        break;
      case 'checkpoint-failed':
        display.print(describeCheckpointFailure(event));
        break;
      case 'worker':
        display.print(`A worker died (${event.reason}); another one does its work again`);
        break;
      case 'notice':
        display.print(event.message);
        break;
      case 'end':
        finish();
        break;
    }
  };

  return {
    observe,
    close() {
      finish();
      display.close();
    },
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
    showStep: (figures) =>
      print(
        `Step ${figures.step}/${figures.totalSteps}, epoch ${figures.epoch}/${figures.epochs}: ${describeFigures(figures)}`,
      ),
    close: () => undefined,
  };
}

function drawBar(stream: Writable): Display {
  const bars = new MultiBar(
    { stream, hideCursor: true, barsize: 24, format: '{bar} {value}/{total}  {text}' },
    Presets.shades_classic,
  );
  let bar: SingleBar | undefined;
  let drawn: 'prepare' | 'step' | undefined;

  // One bar at a time: that of reading the data makes room for that of the training.
  const draw = (what: 'prepare' | 'step', value: number, total: number, text: string) => {
    if (drawn !== what || bar === undefined) {
      if (bar !== undefined) bars.remove(bar);
      const format = what === 'prepare' ? '{bar} {percentage} %  {text}' : undefined;
      bar = bars.create(total, value, { text }, format === undefined ? {} : { format });
      drawn = what;
    }
    bar.update(value, { text });
  };

  return {
    intervalMs: BAR_INTERVAL_MS,
    print(line) {
      // Without a bar nothing redraws the lines that cli-progress has been given to write above it.
      if (bar === undefined) stream.write(`${line}\n`);
      else bars.log(`${line}\n`);
    },
    showPrepare: (event, text) => draw('prepare', event.bytesDone, event.bytesTotal, text),
    showStep: (figures) => draw('step', figures.step, figures.totalSteps, describeFigures(figures)),
    close() {
      // The lines still waiting are written by a last redraw.
      if (bar !== undefined) bars.update();
      bars.stop();
      bar = undefined;
    },
  };
}
