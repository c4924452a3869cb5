import { isRoutine } from '../observe/board/event-list.js';
import type { LogEvent } from '../observe/board/wire.js';
import { formatBytes, formatCount, formatDuration } from '../observe/figures.js';
import { make, refill, row, table } from './dom.js';
import { numberIn, textIn } from './event-values.js';
import { formatMeasure, formatTime } from './format.js';
import type { ShownRun } from './shown-run.js';

/** Starts, evaluations, checkpoints and notices, newest first. */
export class EventsSection {
  readonly #evaluations = make('input', { attributes: { type: 'checkbox', checked: true } });
  readonly #content = make('div');
  readonly element = make(
    'section',
    { class: 'panel', attributes: { 'aria-label': 'Events' } },
    make(
      'div',
      'heading',
      make('h2', {}, 'Events'),
      make('label', {}, this.#evaluations, ' with evaluations and checkpoints'),
    ),
    this.#content,
  );
  #events: readonly LogEvent[] = [];

  constructor() {
    this.#evaluations.addEventListener('change', () => this.#fill());
  }

  show({ data }: ShownRun): void {
    if (data.events === this.#events) return;
    this.#events = data.events;
    this.#fill();
  }

  #fill(): void {
    const rows = [...this.#events]
      .reverse()
      .filter((event) => this.#evaluations.checked || !isRoutine(event))
      .map((event) => {
        const line = row(
          formatTime(event.time),
          event.step === undefined ? '' : formatCount(event.step),
          make('span', 'text', describeEvent(event)),
        );
        line.dataset['type'] = event.type;
        return line;
      });
    refill(this.#content, table('Events, newest first', ['time', 'after step', 'what'], rows));
  }
}

function describeEvent(event: LogEvent): string {
  switch (event.type) {
    case 'start': {
      const fromStep = numberIn(event, 'fromStep') ?? 0;
      const workers = textIn(event, 'workers') ?? '?';
      const begun = fromStep === 0 ? 'Started' : `Continued after step ${formatCount(fromStep)}`;
      return `${begun} with ${workers} workers`;
    }
    case 'evaluation': {
      const best = event['best'] === true ? ', best so far' : '';
      return `Evaluation of ${textIn(event, 'split') ?? '?'}: loss ${formatMeasure('loss', numberIn(event, 'loss') ?? null)}${best}`;
    }
    case 'checkpoint':
      return `Checkpoint ${textIn(event, 'path') ?? ''} (${formatBytes(numberIn(event, 'bytes') ?? 0)} in ${formatDuration(numberIn(event, 'duration') ?? 0)})`;
    case 'checkpoint-failed':
      return `A checkpoint could not be written: ${textIn(event, 'reason') ?? ''}`;
    case 'worker':
      return `A worker died and was replaced: ${textIn(event, 'reason') ?? ''}`;
    case 'notice':
      return textIn(event, 'message') ?? '';
    case 'end':
      return `${event['reason'] === 'finished' ? 'Finished' : 'Stopped'}; checkpoint ${textIn(event, 'checkpoint') ?? ''}`;
    default:
      return event.type;
  }
}
