import { MEASURE_NAMES, measureKind } from '../measures.js';
import type { RunFacts } from '../observe/board/wire.js';
import { formatCount, formatDuration } from '../observe/figures.js';
import { make, refill, setText } from './dom.js';
import { formatMeasure, formatTime, formatValue } from './format.js';
import { describeState } from './header.js';

/** A column of the table: what it shows of a run, and by what it sorts. */
interface Column {
  name: string;
  show: (run: RunFacts) => string;
  sort: (run: RunFacts) => number | string | undefined;
}

/** Keys of configs in which runs differ, beyond which there is no room for more. */
const MOST_KEYS = 12;

/** All runs, with their results and how their configs differ; those that are ticked are shown. */
export class RunsSection {
  readonly #head = make('tr');
  readonly #body = make('tbody');
  readonly #more = make('p', { class: 'soft', attributes: { role: 'status' } });
  readonly element = make(
    'section',
    { class: 'panel', attributes: { 'aria-label': 'Runs' } },
    make('h2', {}, 'Runs'),
    this.#more,
    make(
      'div',
      {
        class: 'scroll',
        attributes: { tabindex: 0, role: 'region', 'aria-label': 'Table of runs' },
      },
      make(
        'table',
        'runs',
        make('caption', 'unseen', 'Runs with their results; those that are ticked are shown below'),
        make('thead', {}, this.#head),
        this.#body,
      ),
    ),
  );
  #sortedBy = 'last heard of';
  #isDescending = true;
  #columns: Column[] = [];
  #lines = new Map<string, HTMLTableRowElement>();

  constructor(private readonly onChoose: (run: string, isShown: boolean) => void) {}

  /**
   * @param colors of the runs that are shown
   * @param areMore whether there are runs that the server leaves out
   */
  show(runs: readonly RunFacts[], colors: ReadonlyMap<string, string>, areMore: boolean): void {
    this.element.hidden = runs.length < 2;
    if (runs.length < 2) return;
    setText(this.#more, areMore ? describeMore(runs.length) : '');
    this.#more.hidden = !areMore;
    this.#fill(runs, colors);
  }

  #fill(runs: readonly RunFacts[], colors: ReadonlyMap<string, string>): void {
    const columns = listColumns(runs);
    const isSame =
      columns.map(({ name }) => name).join() === this.#columns.map(({ name }) => name).join();
    this.#columns = columns;
    if (!isSame) this.#fillHead(runs, colors);
    const sorted = this.#sort(runs);
    const lines = sorted.map((run) => this.#fillLine(run, colors.get(run.id)));
    // Moving a line that has the focus would take it away.
    if (
      lines.some((line, at) => this.#body.children[at] !== line) ||
      lines.length !== this.#body.children.length
    ) {
      const focused = document.activeElement;
      this.#body.replaceChildren(...lines);
      if (focused instanceof HTMLElement && focused.isConnected) focused.focus();
    }
  }

  #sort(runs: readonly RunFacts[]): RunFacts[] {
    const column = this.#columns.find(({ name }) => name === this.#sortedBy) ?? this.#columns[0]!;
    const sign = this.#isDescending ? -1 : 1;
    return [...runs].sort((a, b) => {
      const [x, y] = [column.sort(a), column.sort(b)];
      // What has no value comes last.
      if (x === undefined || y === undefined)
        return Number(x === undefined) - Number(y === undefined);
      return (
        sign *
        (typeof x === 'number' && typeof y === 'number'
          ? x - y
          : String(x).localeCompare(String(y)))
      );
    });
  }

  #fillHead(runs: readonly RunFacts[], colors: ReadonlyMap<string, string>): void {
    refill(
      this.#head,
      make('th', { attributes: { scope: 'col' } }, make('span', 'unseen', 'shown')),
      ...this.#columns.map(({ name }) => {
        const isSorted = name === this.#sortedBy;
        const sort = this.#isDescending ? 'descending' : 'ascending';
        const button = make('button', { class: 'sort', attributes: { type: 'button' } }, name);
        button.addEventListener('click', () => {
          this.#isDescending = isSorted ? !this.#isDescending : name !== 'run';
          this.#sortedBy = name;
          this.#fillHead(runs, colors);
          this.#fill(runs, colors);
          this.#head.querySelectorAll('button').forEach((each) => {
            if (each.textContent === name) each.focus();
          });
        });
        return make('th', { attributes: { scope: 'col', 'aria-sort': isSorted && sort } }, button);
      }),
    );
  }

  #fillLine(run: RunFacts, color: string | undefined): HTMLTableRowElement {
    let line = this.#lines.get(run.id);
    if (line === undefined) {
      const box = make('input', {
        attributes: { type: 'checkbox', 'aria-label': `Show ${run.name}` },
      });
      box.addEventListener('change', () => this.onChoose(run.id, box.checked));
      line = make('tr', {}, make('td', {}, box, make('span', 'swatch')));
      this.#lines.set(run.id, line);
    }
    const [first, ...cells] = line.children;
    const box = first!.querySelector('input')!;
    box.checked = color !== undefined;
    line.style.setProperty('--color', color === undefined ? 'transparent' : `var(${color})`);
    const texts = this.#columns.map(({ show }) => show(run));
    if (
      cells.length === texts.length &&
      cells.every((cell, at) => cell.textContent === texts[at])
    ) {
      return line;
    }
    line.replaceChildren(
      first!,
      ...texts.map((text, at) =>
        at === 0 ? make('th', { attributes: { scope: 'row' } }, text) : make('td', '', text),
      ),
    );
    return line;
  }
}

/** Keys that every config says, in one form or another. */
const GIVEN = /^(task|data\.train)(\.|$)/;

/** A value of a config of which is known what differs from the defaults, if anything is. */
function showKey(key: string, differs: RunFacts['differs']): string {
  if (differs === undefined) return 'unknown';
  if (key in differs) return formatValue(differs[key]);
  return GIVEN.test(key) ? '–' : 'default';
}

function describeMore(shown: number): string {
  return `There are more runs than the ${formatCount(shown)} that are shown here: start the board with the folders of those that you want to see.`;
}

function listColumns(runs: readonly RunFacts[]): Column[] {
  const measures = MEASURE_NAMES.filter((name) =>
    runs.some(({ evaluation }) => evaluation && name in evaluation),
  );
  const keys = [...new Set(runs.flatMap(({ differs = {} }) => Object.keys(differs)))]
    .filter((key) => new Set(runs.map(({ differs }) => JSON.stringify(differs?.[key]))).size > 1)
    .slice(0, MOST_KEYS);
  return [
    { name: 'run', show: ({ name }) => name, sort: ({ name }) => name },
    { name: 'state', show: (run) => describeState(run), sort: ({ state }) => state },
    {
      name: 'steps',
      show: ({ step, totalSteps }) =>
        `${formatCount(step)}${totalSteps === undefined ? '' : ` / ${formatCount(totalSteps)}`}`,
      sort: ({ step }) => step,
    },
    {
      name: 'training loss',
      show: ({ last }) => formatMeasure('loss', last?.['loss']),
      sort: ({ last }) => last?.['loss'] ?? undefined,
    },
    ...measures.map((name) => ({
      name: `validation ${measureKind(name).label}`,
      show: ({ evaluation }: RunFacts) => formatMeasure(name, evaluation?.[name]),
      sort: ({ evaluation }: RunFacts) => evaluation?.[name] ?? undefined,
    })),
    {
      name: 'best',
      show: ({ best, bestBy = 'loss' }) =>
        best === undefined
          ? ''
          : `${formatMeasure(bestBy, best[bestBy])} after ${formatCount(best.step)}`,
      sort: ({ best, bestBy = 'loss' }) => best?.[bestBy] ?? undefined,
    },
    {
      name: 'time',
      show: ({ seconds }) => formatDuration(seconds),
      sort: ({ seconds }) => seconds,
    },
    {
      name: 'last heard of',
      show: ({ updatedAt }) => formatTime(updatedAt),
      sort: ({ updatedAt }) => updatedAt,
    },
    ...keys.map((key) => ({
      name: key,
      show: ({ differs }: RunFacts) => showKey(key, differs),
      sort: ({ differs }: RunFacts) => {
        const value = differs?.[key];
        return typeof value === 'number'
          ? value
          : value === undefined
            ? undefined
            : formatValue(value);
      },
    })),
  ];
}
