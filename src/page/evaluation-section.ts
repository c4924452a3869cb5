import type { LogEvent } from '../observe/board/wire.js';
import { formatCount } from '../observe/figures.js';
import { make, refill } from './dom.js';
import { evaluationView } from './evaluation-view.js';
import { CANNOT_LOOK, lookUpStep } from './lookups.js';
import type { ShownRun } from './shown-run.js';
import type { RunData } from './store.js';

const MOST_CHOICES = 500;

/** The evaluation of a chosen step, by itself the last one. */
export class EvaluationSection {
  readonly #choice = make('select', { attributes: { 'aria-label': 'Evaluation' } });
  readonly #content = make('div', 'parts');
  readonly element = make(
    'section',
    { class: 'panel', attributes: { 'aria-label': 'Evaluation' } },
    make('div', 'heading', make('h2', {}, 'Evaluation'), this.#choice),
    this.#content,
  );
  #run = '';
  #steps = '';
  /** The step of the user's choice; 0 for the last one. */
  #chosen = 0;
  /** What is shown of the last one. */
  #latest: readonly LogEvent[] = [];
  #data: RunData | undefined;

  constructor() {
    this.#choice.addEventListener('change', () => {
      this.#chosen = Number(this.#choice.value);
      this.#latest = [];
      if (this.#chosen === 0) this.#showLatest();
      else void this.#lookUp(this.#chosen);
    });
  }

  show({ facts, data }: ShownRun): void {
    if (facts.id !== this.#run) {
      this.#run = facts.id;
      this.#chosen = 0;
      this.#steps = '';
    }
    this.#data = data;
    const steps = data.series.get('evaluation:validation')?.last ?? [];
    this.#list(steps);
    this.element.hidden = steps.length === 0;
    if (this.#chosen === 0) this.#showLatest();
  }

  /** What the stream has told of it, which also stays when the server ends with its run. */
  #showLatest(): void {
    if (this.#data === undefined) return;
    const { events, latest } = this.#data;
    const evaluation = events.findLast(({ type }) => type === 'evaluation');
    const of = ['confusion', 'samples', 'hardest'].flatMap((type) => latest.get(type) ?? []);
    const all = [
      ...(evaluation === undefined ? [] : [evaluation]),
      // Samples are written less often than evaluations: the latest there are, which say after which step.
      ...of.filter(({ type, step }) => type === 'samples' || step === evaluation?.step),
    ];
    if (all.length === this.#latest.length && all.every((each, at) => each === this.#latest[at])) {
      return;
    }
    this.#latest = all;
    this.#fill(all);
  }

  /** Offers the evaluations there are, newest first. */
  #list(steps: readonly number[]): void {
    const key = `${steps.length} ${steps.at(-1)}`;
    if (key === this.#steps) return;
    this.#steps = key;
    const options = steps
      .slice(-MOST_CHOICES)
      .reverse()
      .map((step) =>
        make('option', { attributes: { value: step } }, `after step ${formatCount(step)}`),
      );
    refill(this.#choice, make('option', { attributes: { value: 0 } }, 'the last one'), ...options);
    this.#choice.value = String(this.#chosen);
  }

  async #lookUp(step: number): Promise<void> {
    const { view, fault = CANNOT_LOOK } = await lookUpStep(this.#run, step);
    if (step !== this.#chosen) return;
    if (view !== undefined) this.#fill(view.events);
    else refill(this.#content, make('p', 'soft', fault));
  }

  #fill(events: readonly LogEvent[]): void {
    // What is unfolded stays so.
    const open = [...this.#content.querySelectorAll('details')].map((each) => each.open);
    refill(this.#content, ...evaluationView(events));
    const details = this.#content.querySelectorAll('details');
    details.forEach((each, at) => (each.open = open[at] ?? false));
  }
}
