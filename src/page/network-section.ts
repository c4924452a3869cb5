import { formatBytes, formatCount, formatShare } from '../observe/figures.js';
import { make, refill, row, table } from './dom.js';
import { groupIn, groupsIn, numberIn, textIn } from './event-values.js';
import type { ShownRun } from './shown-run.js';

/** The layers of the network, and what its memory is for. */
export class NetworkSection {
  readonly #content = make('div', 'columns');
  readonly element = make(
    'section',
    { class: 'panel', attributes: { 'aria-label': 'Network and memory' } },
    make('h2', {}, 'Network and memory'),
    this.#content,
  );
  #shown: unknown;

  show({ data }: ShownRun): void {
    const start = data.latest.get('start');
    this.element.hidden = start === undefined;
    if (start === undefined || start === this.#shown) return;
    this.#shown = start;
    refill(this.#content, about(start), layers(start), memory(start));
  }
}

function about(start: Record<string, unknown>): HTMLElement {
  const backend = groupIn(start, 'backend') ?? {};
  const count = (key: string) => {
    const value = numberIn(start, key);
    return value === undefined ? undefined : formatCount(value);
  };
  const facts: [string, string | undefined][] = [
    ['task', textIn(start, 'task')],
    ['parameters', count('parameters')],
    ['vocabulary', count('vocabulary')],
    ['rows to train on', count('trainRows')],
    ['tokens to train on', count('trainTokens')],
    ['rows to validate on', count('validationRows')],
    ['steps of an epoch', count('stepsPerEpoch')],
    ['workers', count('workers')],
    ['backend', [textIn(backend, 'name'), textIn(backend, 'reason')].filter(Boolean).join(': ')],
    ['numeric profile', textIn(backend, 'profile')],
  ];
  const rows = facts.flatMap(([name, value]) => (value === undefined ? [] : row(name, value)));
  return table('What is trained', ['what', 'value'], rows);
}

function layers(start: Record<string, unknown>): HTMLElement {
  const rows = groupsIn(start, 'network').map((layer) =>
    row(
      textIn(layer, 'name') ?? '',
      textIn(layer, 'kind') ?? '',
      formatCount(numberIn(layer, 'width') ?? 0),
      formatCount(numberIn(layer, 'parameters') ?? 0),
      bar(numberIn(layer, 'share') ?? 0),
    ),
  );
  if (rows.length === 0) return make('span');
  return table(
    'Layers of the network',
    ['layer', 'kind', 'width', 'parameters', 'share of the work'],
    rows,
  );
}

function memory(start: Record<string, unknown>): HTMLElement {
  const kinds = Object.entries(groupIn(start, 'memory') ?? {}).flatMap(([kind, bytes]) =>
    typeof bytes === 'number' && bytes > 0 ? { kind, bytes } : [],
  );
  if (kinds.length === 0) return make('span');
  const total = kinds.reduce((sum, { bytes }) => sum + bytes, 0);
  const rows = kinds
    .sort((a, b) => b.bytes - a.bytes)
    .map(({ kind, bytes }) => row(kind, formatBytes(bytes), bar(bytes / total)));
  return table('Planned memory', ['memory for', formatBytes(total), 'share'], rows);
}

/** A share as a bar with its number. */
function bar(share: number): HTMLElement {
  return make(
    'span',
    'bar',
    make('span', { class: 'filled', variables: { '--share': share } }),
    formatShare(share),
  );
}
