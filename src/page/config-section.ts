import type { ConfigEntry } from '../observe/board/wire.js';
import { make, refill, row, table } from './dom.js';
import { formatValue } from './format.js';
import { lookUpConfig } from './lookups.js';
import type { ShownRun } from './shown-run.js';

/** A run's config; what differs from the defaults is marked, and at first alone. */
export class ConfigSection {
  readonly #all = make('input', { attributes: { type: 'checkbox' } });
  readonly #content = make('div', 'parts');
  readonly element = make(
    'section',
    { class: 'panel', attributes: { 'aria-label': 'Config' } },
    make(
      'div',
      'heading',
      make('h2', {}, 'Config'),
      make('label', {}, this.#all, ' also what is as by default'),
    ),
    this.#content,
  );
  #shown = '';
  #entries: readonly ConfigEntry[] = [];

  constructor() {
    this.#all.addEventListener('change', () => this.#fill());
  }

  show({ facts }: ShownRun): void {
    // Whoever resumes a run may have changed its config.
    const key = `${facts.id} ${facts.counts.starts}`;
    if (key === this.#shown) return;
    this.#shown = key;
    void this.#read(facts.id, key);
  }

  async #read(run: string, key: string): Promise<void> {
    const { view, fault = view?.fault } = await lookUpConfig(run);
    if (key !== this.#shown) return;
    this.#entries = view?.entries ?? [];
    if (fault !== undefined) refill(this.#content, make('p', 'soft', fault));
    else if (view !== undefined) this.#fill();
  }

  #fill(): void {
    const shown = this.#entries.filter(({ differs }) => differs || this.#all.checked);
    const rows = shown.map(({ key, value, default: usual, differs, description }) => {
      const line = row(
        make('code', { attributes: { title: description } }, key),
        make('code', {}, formatValue(value)),
        usual === undefined || !differs ? '' : make('code', {}, formatValue(usual)),
      );
      if (differs) line.classList.add('differs');
      return line;
    });
    refill(this.#content, table('Keys of the config', ['key', 'value', 'by default'], rows));
  }
}
