import type { LogEvent } from '../observe/board/wire.js';
import { formatBytes, formatCount, formatNumber } from '../observe/figures.js';
import { make, refill, row, table } from './dom.js';
import { evaluationView } from './evaluation-view.js';
import { groupIn, numberIn } from './event-values.js';
import { formatMeasure, formatSeconds, formatTime } from './format.js';
import { CANNOT_LOOK, lookUpStep } from './lookups.js';
import { timelineView } from './timeline.js';

/** All that is known of one step, above the page. */
export class StepDialog {
  readonly #title = make('h2', { attributes: { id: 'step-title' } });
  readonly #content = make('div', 'parts');
  readonly element = make(
    'dialog',
    { attributes: { 'aria-labelledby': 'step-title' } },
    make(
      'div',
      'heading',
      this.#title,
      make(
        'button',
        { attributes: { type: 'button' }, on: { click: () => this.element.close() } },
        'Close',
      ),
    ),
    this.#content,
  );

  constructor() {
    // A press beside it closes it.
    this.element.addEventListener('click', (event) => {
      if (event.target === this.element) this.element.close();
    });
  }

  async open(run: { id: string; name: string }, step: number): Promise<void> {
    refill(this.#title, `Step ${formatCount(step)} of ${run.name}`);
    refill(this.#content, make('p', 'soft', 'Looking into the log …'));
    if (!this.element.open) this.element.showModal();
    const { view, fault = CANNOT_LOOK } = await lookUpStep(run.id, step);
    const events = view?.events ?? [];
    if (events.length === 0) {
      refill(this.#content, make('p', 'soft', fault));
      return;
    }
    refill(
      this.#content,
      ...events.filter(({ type }) => type === 'step').map(describeStep),
      ...evaluationView(events),
      ...events.filter(({ type }) => type === 'timeline').map(timelineView),
    );
  }
}

const FORMATS: Record<string, (value: number) => string> = {
  loss: (value) => formatMeasure('loss', value),
  accuracy: (value) => formatMeasure('accuracy', value),
  mse: formatNumber,
  gradNorm: formatNumber,
  learningRate: formatNumber,
  epoch: formatNumber,
  rows: formatCount,
  tokens: formatCount,
  duration: formatSeconds,
  busy: (value) => formatMeasure('accuracy', value),
  residentBytes: formatBytes,
};

const NAMES: Record<string, string> = {
  gradNorm: 'gradient norm',
  learningRate: 'learning rate',
  busy: 'workers computing',
};

function describeStep(event: LogEvent): HTMLElement {
  const figures = Object.entries(FORMATS).flatMap(([key, format]) => {
    if (!(key in event)) return [];
    const value = numberIn(event, key);
    return row(NAMES[key] ?? key, value === undefined ? 'not a number' : format(value));
  });
  const phases = Object.entries(groupIn(event, 'phases') ?? {})
    .flatMap(([name, seconds]) =>
      typeof seconds === 'number' && seconds > 0 ? { name, seconds } : [],
    )
    .sort((a, b) => b.seconds - a.seconds)
    .map(({ name, seconds }) => row(name, formatSeconds(seconds)));
  return make(
    'div',
    'columns',
    table(
      'Figures of this step',
      ['figure', 'value'],
      [row('time', formatTime(event.time)), ...figures],
    ),
    phases.length > 0 && table('Where its time went', ['phase', 'time'], phases),
  );
}
