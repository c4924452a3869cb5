import { make, refill } from './dom.js';
import type { ShownRun } from './shown-run.js';

/** Of which of several runs the details are shown. */
export class RunChoice {
  readonly #select = make('select', { attributes: { id: 'run-choice' } });
  readonly element = make(
    'p',
    'choice',
    make('label', { attributes: { for: 'run-choice' } }, 'Details of '),
    this.#select,
  );
  #offered = '';

  constructor(onChange: () => void) {
    this.#select.addEventListener('change', onChange);
  }

  show(runs: readonly ShownRun[]): void {
    this.element.hidden = runs.length < 2;
    const offered = runs.map(({ facts }) => facts.id).join();
    if (offered === this.#offered) return;
    this.#offered = offered;
    const { value } = this.#select;
    refill(
      this.#select,
      ...runs.map(({ facts }) => make('option', { attributes: { value: facts.id } }, facts.name)),
    );
    if (runs.some(({ facts }) => facts.id === value)) this.#select.value = value;
  }

  chosen(runs: readonly ShownRun[]): ShownRun | undefined {
    return runs.find(({ facts }) => facts.id === this.#select.value) ?? runs[0];
  }
}
