import type { ConfigEntry } from '../observe/board/wire.js';
import { make, refill, row, table } from './dom.js';
import { formatValue } from './format.js';
import { lookUpConfig } from './lookups.js';
import type { ShownRun } from './shown-run.js';

/** In what the configs of the runs that are shown differ. */
export class ComparisonSection {
  readonly #content = make('div', 'parts');
  readonly element = make(
    'section',
    { class: 'panel', attributes: { 'aria-label': 'Difference of configs' } },
    make('h2', {}, 'Difference of configs'),
    this.#content,
  );
  #shown = '';

  show(runs: readonly ShownRun[]): void {
    this.element.hidden = runs.length < 2;
    const key = runs.map(({ facts }) => `${facts.id} ${facts.counts.starts}`).join();
    if (runs.length < 2 || key === this.#shown) return;
    this.#shown = key;
    void this.#read(runs, key);
  }

  async #read(runs: readonly ShownRun[], key: string): Promise<void> {
    const found = await Promise.all(runs.map(({ facts }) => lookUpConfig(facts.id)));
    if (key !== this.#shown) return;
    const faults = found.flatMap(({ view, fault = view?.fault }, at) =>
      fault === undefined ? [] : make('p', 'soft', `${runs[at]!.facts.name}: ${fault}`),
    );
    if (faults.length > 0) {
      refill(this.#content, ...faults);
      return;
    }
    const configs = found.map(({ view }) => valuesOf(view?.entries ?? []));
    const keys = [...new Set(configs.flatMap((config) => [...config.keys()]))];
    const rows = keys
      .filter((each) => new Set(configs.map((config) => config.get(each) ?? '')).size > 1)
      .map((each) =>
        row(
          make('code', {}, each),
          ...configs.map((config) => make('code', {}, config.get(each) ?? '–')),
        ),
      );
    const names = runs.map(({ facts }) => facts.name);
    refill(
      this.#content,
      rows.length === 0
        ? make('p', 'soft', 'Their configs are the same.')
        : table('Keys in which the configs differ', ['key', ...names], rows),
    );
  }
}

function valuesOf(entries: readonly ConfigEntry[]): Map<string, string> {
  return new Map(entries.map(({ key, value }) => [key, formatValue(value)]));
}
