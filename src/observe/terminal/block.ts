import type { CheckpointEvent, EvaluationEvent, PrepareEvent } from '../../events.js';
import type { MeasureName } from '../../measures.js';
import { formatCount, formatDuration } from '../figures.js';
import type { Figures } from '../pace.js';
import { describeMeasure, describeMeasures, describeQuality, describeValue } from '../sentences.js';
import type { Paint } from './colour.js';
import { fitLine, type Piece } from './fit.js';
import { Course } from './sparkline.js';

/** What the block of a training shows. */
export class TrainingBlock {
  readonly #paint: Paint;
  readonly #bestBy: MeasureName;
  readonly #trained = new Course();
  readonly #validated = new Course();
  #figures: Figures | undefined;
  #evaluation: EvaluationEvent | undefined;
  #best: EvaluationEvent | undefined;
  #checkpoint: CheckpointEvent | undefined;

  /** @param bestBy what evaluations are compared by */
  constructor(paint: Paint, bestBy: MeasureName) {
    this.#paint = paint;
    this.#bestBy = bestBy;
  }

  step(figures: Figures): void {
    this.#figures = figures;
    this.#trained.add(figures.loss);
  }

  evaluation(event: EvaluationEvent): void {
    if (event.split !== 'validation') return;
    this.#evaluation = event;
    if (event.best) this.#best = event;
    this.#validated.add(event[this.#bestBy] ?? event.loss);
  }

  checkpoint(event: CheckpointEvent): void {
    this.#checkpoint = event;
  }

  /** None before the first figures. */
  lines(columns: number): string[] {
    const figures = this.#figures;
    if (figures === undefined) return [];
    const rows = [
      this.#progress(figures, columns),
      curve(
        'train',
        `loss ${figures.loss.toFixed(4)}`,
        describeQuality(figures),
        this.#trained,
        columns,
      ),
      ...this.#validation(columns),
      this.#facts(figures),
    ];
    return rows.map((pieces) => fitLine(pieces, columns, this.#paint));
  }

  #progress({ step, totalSteps, epoch, epochs, secondsLeft }: Figures, columns: number): Piece[] {
    return [
      { text: drawBar(step, totalSteps, columns) },
      { text: `${formatCount(step)}/${formatCount(totalSteps)}` },
      { text: `epoch ${epoch}/${epochs}`, rank: 2, style: 'faint' },
      { text: `${formatDuration(secondsLeft)} left`, rank: 1 },
    ];
  }

  #validation(columns: number): Piece[][] {
    const evaluation = this.#evaluation;
    if (evaluation === undefined) return [];
    // First what the curve is of.
    const by = describeMeasure(this.#bestBy, evaluation[this.#bestBy] ?? evaluation.loss);
    const others = describeMeasures(evaluation).filter((text) => text !== '' && text !== by);
    return [curve('validation', by, others.join('  '), this.#validated, columns)];
  }

  #facts(figures: Figures): Piece[] {
    const best =
      this.#best && describeValue(this.#bestBy, this.#best[this.#bestBy] ?? this.#best.loss);
    return [
      { text: `${formatCount(figures.tokensPerSecond)} tokens/s` },
      ...(best
        ? [
            {
              ...({ style: 'good', rank: 1 } as const),
              text: `best ${best} at ${formatCount(this.#best!.step)}`,
            },
          ]
        : []),
      ...(this.#checkpoint
        ? [
            {
              ...({ style: 'faint', rank: 2 } as const),
              text: `saved at ${formatCount(this.#checkpoint.step)}`,
            },
          ]
        : []),
    ];
  }
}

/** What the block shows while data is read. */
export function prepareLine(
  { bytesDone, bytesTotal }: PrepareEvent,
  text: string,
  columns: number,
  paint: Paint,
): string {
  const share = bytesTotal ? bytesDone / bytesTotal : 0;
  return fitLine([{ text: drawBar(share, 1, columns), rank: 1 }, { text }], columns, paint);
}

function curve(
  name: string,
  first: string,
  others: string,
  course: Course,
  columns: number,
): Piece[] {
  return [
    { text: name.padEnd('validation'.length), style: 'faint' },
    { text: first },
    { text: others, rank: 2 },
    { text: course.draw(Math.min(16, Math.floor(columns / 4))), rank: 1 },
  ];
}

/** As wide as a quarter of the line, from 8 to 24 characters. */
function drawBar(value: number, total: number, columns: number): string {
  const width = Math.min(24, Math.max(8, Math.floor(columns / 4)));
  const done = total > 0 ? Math.min(width, Math.floor((value / total) * width)) : 0;
  return '█'.repeat(done) + '░'.repeat(width - done);
}
