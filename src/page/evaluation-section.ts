import { formatCount } from '../observe/figures.js';
import { make, refill } from './dom.js';
import { evaluationView } from './evaluation-view.js';
import { lookUpStep } from './lookups.js';
import type { ShownRun } from './shown-run.js';

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
  /** The step whose evaluation is shown or on its way; and that of the user's choice, 0 for the last one. */
  #shown = -1;
  #chosen = 0;
  #latest: unknown;

  constructor() {
    this.#choice.addEventListener('change', () => {
      this.#chosen = Number(this.#choice.value);
      this.#shown = -1;
      void this.#fill(this.#chosen === 0 ? this.#lastStep() : this.#chosen);
    });
  }

  show({ facts, data }: ShownRun): void {
    if (facts.id !== this.#run) {
      this.#run = facts.id;
      this.#chosen = 0;
      this.#shown = -1;
      this.#steps = '';
    }
    const steps = this.#list(data.series.get('evaluation:validation')?.last ?? []);
    this.element.hidden = steps.length === 0;
    if (this.#chosen !== 0 || steps.length === 0) return;
    // What belongs to an evaluation is written after it.
    const latest = [data.latest.get('samples'), data.latest.get('hardest')];
    if (latest.some((event, at) => event !== (this.#latest as unknown[] | undefined)?.[at])) {
      this.#shown = -1;
    }
    this.#latest = latest;
    void this.#fill(steps.at(-1)!);
  }

  #lastStep(): number {
    return Number(this.#choice.options[1]?.value ?? 0);
  }

  /** Offers the evaluations there are, newest first. */
  #list(steps: readonly number[]): readonly number[] {
    const key = `${steps.length} ${steps.at(-1)}`;
    if (key === this.#steps) return steps;
    this.#steps = key;
    const options = steps
      .slice(-MOST_CHOICES)
      .reverse()
      .map((step) =>
        make('option', { attributes: { value: step } }, `after step ${formatCount(step)}`),
      );
    refill(this.#choice, make('option', { attributes: { value: 0 } }, 'the last one'), ...options);
    this.#choice.value = String(this.#chosen);
    return steps;
  }

  async #fill(step: number): Promise<void> {
    if (step === this.#shown || step === 0) return;
    this.#shown = step;
    const view = await lookUpStep(this.#run, step);
    if (view === undefined || this.#shown !== step) return;
    // What is unfolded stays so.
    const open = [...this.#content.querySelectorAll('details')].map((each) => each.open);
    refill(this.#content, ...evaluationView(view.events));
    this.#content
      .querySelectorAll('details')
      .forEach((each, at) => (each.open = open[at] ?? false));
  }
}
