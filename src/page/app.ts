import { ChartsSection } from './charts-section.js';
import { ComparisonSection } from './comparison-section.js';
import { ConfigSection } from './config-section.js';
import { Connection } from './connection.js';
import { Controls } from './controls.js';
import { make } from './dom.js';
import { EvaluationSection } from './evaluation-section.js';
import { EventsSection } from './events-section.js';
import { Header } from './header.js';
import { lookUpRange } from './lookups.js';
import { NetworkSection } from './network-section.js';
import { RunChoice } from './run-choice.js';
import { RunsSection } from './runs-section.js';
import type { ShownRun } from './shown-run.js';
import { StepDialog } from './step-dialog.js';
import { mergeSeries, Store, type SeriesData } from './store.js';
import { TimelineSection } from './timeline.js';
import type { ChartActions, View } from './view.js';

/** As many as there are colours, and as the server lets one page follow. */
const MOST_SHOWN = 8;

/** The page: hears of runs, and shows them. */
export class App implements ChartActions {
  readonly #store = new Store();
  readonly #view: View = { smoothing: 0, logarithmic: false };
  readonly #header = new Header();
  readonly #runs = new RunsSection((run, isShown) => this.#tick(run, isShown));
  readonly #controls = new Controls(this.#view, () => this.#changeView());
  readonly #charts = new ChartsSection(this);
  readonly #comparison = new ComparisonSection();
  readonly #choice = new RunChoice(() => this.#schedule());
  /** Of one run alone. */
  readonly #sections = [
    new EvaluationSection(),
    new TimelineSection(),
    new NetworkSection(),
    new ConfigSection(),
    new EventsSection(),
  ];
  readonly #dialog = new StepDialog();
  readonly #connection: Connection;
  #isConnected = false;
  #isScheduled = false;
  /** Ids of the runs that are shown; a place that is empty keeps its colour for the next. */
  #shown: (string | undefined)[] = [];
  /** Aborts a closer look that nobody wants to see any more. */
  #looking = new AbortController();
  #closer = new Map<string, Map<string, SeriesData>>();

  constructor(body: HTMLElement) {
    body.replaceChildren(
      this.#header.element,
      make(
        'main',
        {},
        this.#runs.element,
        make(
          'div',
          {},
          make('h2', 'unseen', 'Charts by step'),
          this.#controls.element,
          this.#charts.element,
        ),
        this.#comparison.element,
        this.#choice.element,
        ...this.#sections.map(({ element }) => element),
      ),
      this.#dialog.element,
    );
    this.#connection = new Connection({
      onBoard: (update) => {
        this.#store.applyBoard(update);
        this.#choose();
        this.#schedule();
      },
      onRun: (update) => {
        this.#store.applyRun(update);
        this.#schedule();
      },
      onState: (isConnected) => {
        this.#isConnected = isConnected;
        this.#schedule();
      },
    });
  }

  start(): void {
    this.#shown = (/^#runs=([\w,]+)$/.exec(location.hash)?.[1] ?? '').split(',').filter(Boolean);
    this.#connection.follow(this.#ids());
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      this.#charts.redraw();
      this.#schedule();
    });
  }

  zoom(from: number, to: number): void {
    this.#view.range = { from, to };
    this.#changeView();
  }

  reset(): void {
    this.#view.range = undefined;
    this.#changeView();
  }

  open(run: string, step: number): void {
    const facts = this.#store.facts.get(run);
    if (facts !== undefined) void this.#dialog.open(facts, step);
  }

  #ids(): string[] {
    return this.#shown.filter((id) => id !== undefined);
  }

  /** Without a choice, the run that was heard of last. */
  #choose(): void {
    const ids = this.#ids();
    const there = ids.filter((id) => this.#store.facts.has(id));
    if (there.length > 0 && there.length === ids.length) return;
    const newest = [...this.#store.facts.values()].sort((a, b) =>
      (b.updatedAt ?? '').localeCompare(a.updatedAt ?? ''),
    )[0];
    if (there.length === 0 && newest === undefined) return;
    this.#follow(there.length > 0 ? there : [newest!.id]);
  }

  #tick(run: string, isShown: boolean): void {
    const shown = [...this.#shown];
    if (!isShown) shown[shown.indexOf(run)] = undefined;
    else {
      const free = shown.findIndex((id) => id === undefined);
      if (free >= 0) shown[free] = run;
      else if (shown.length < MOST_SHOWN) shown.push(run);
    }
    this.#follow(shown);
    history.replaceState(null, '', `#runs=${this.#ids().join(',')}`);
  }

  #follow(shown: (string | undefined)[]): void {
    this.#shown = shown;
    this.#connection.follow(this.#ids());
    void this.#lookCloser();
    this.#schedule();
  }

  #changeView(): void {
    this.#controls.show();
    this.#schedule();
    void this.#lookCloser();
  }

  /** Has the server look into the logs for what is between the points that are here. */
  async #lookCloser(): Promise<void> {
    this.#closer.clear();
    this.#looking.abort();
    this.#looking = new AbortController();
    const { signal } = this.#looking;
    const { range } = this.#view;
    this.#controls.tell('');
    if (range === undefined) return;
    const look = async (run: string) => {
      const { view, fault } = await lookUpRange(run, range, signal);
      if (signal.aborted) return;
      if (fault !== undefined) this.#controls.tell(fault);
      if (view === undefined) return;
      const merged = Object.entries(view.series).map(
        ([name, update]) => [name, mergeSeries(undefined, update)] as const,
      );
      this.#closer.set(run, new Map(merged));
      this.#schedule();
    };
    await Promise.all(this.#ids().map(look));
  }

  /** Shows all changes of a moment at once. */
  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    requestAnimationFrame(() => {
      this.#isScheduled = false;
      this.#show();
    });
  }

  #show(): void {
    const runs = this.#listShown();
    const all = [...this.#store.facts.values()];
    this.#choice.show(runs);
    const chosen = this.#choice.chosen(runs);
    this.#header.show(chosen?.facts ?? all[0], this.#isConnected);
    this.#runs.show(all, new Map(this.#colors()), this.#store.areMore);
    this.#charts.show(runs, chosen, this.#view, this.#closer);
    this.#comparison.show(runs);
    for (const section of this.#sections) {
      section.element.hidden = chosen === undefined;
      if (chosen !== undefined) section.show(chosen);
    }
  }

  #colors(): [string, string][] {
    return this.#shown.flatMap((id, at) => (id === undefined ? [] : [[id, `--run-${at}`]]));
  }

  #listShown(): ShownRun[] {
    const colors = this.#colors();
    const isAlone = colors.length === 1;
    return colors.flatMap(([id, color]) => {
      const facts = this.#store.facts.get(id);
      const data = this.#store.data.get(id);
      if (facts === undefined || data === undefined) return [];
      const second = isAlone ? '--second' : color;
      return { facts, data, color, second, prefix: isAlone ? '' : `${facts.name} ` };
    });
  }
}
