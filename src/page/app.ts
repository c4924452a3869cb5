import type { RangeView } from '../observe/board/wire.js';
import { ChartsSection } from './charts-section.js';
import { Connection } from './connection.js';
import { Controls } from './controls.js';
import { make } from './dom.js';
import { Header } from './header.js';
import type { ShownRun } from './shown-run.js';
import { mergeSeries, Store, type SeriesData } from './store.js';
import type { View } from './view.js';

const COLORS = 8;

/** The page: hears of runs, and shows them. */
export class App {
  readonly #store = new Store();
  readonly #view: View = { smoothing: 0, logarithmic: false };
  readonly #header = new Header();
  readonly #controls = new Controls(this.#view, () => this.#changeView());
  readonly #charts = new ChartsSection({
    zoom: (from, to) => {
      this.#view.range = { from, to };
      this.#changeView();
    },
    reset: () => {
      this.#view.range = undefined;
      this.#changeView();
    },
    open: (run, step) => this.#open(run, step),
  });
  readonly #connection = new Connection({
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
  #isConnected = false;
  #isScheduled = false;
  #shown: string[] = [];
  #closer = new Map<string, Map<string, SeriesData>>();

  constructor(body: HTMLElement) {
    body.replaceChildren(
      this.#header.element,
      make('main', {}, this.#controls.element, this.#charts.element),
    );
  }

  start(): void {
    this.#connection.follow([]);
    matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
      this.#charts.redraw();
      this.#schedule();
    });
  }

  /** Without a choice, the newest run. */
  #choose(): void {
    const there = this.#shown.filter((id) => this.#store.facts.has(id));
    if (there.length > 0 && there.length === this.#shown.length) return;
    const newest = [...this.#store.facts.values()].sort((a, b) =>
      (b.updatedAt ?? '').localeCompare(a.updatedAt ?? ''),
    )[0];
    this.#shown = there.length > 0 ? there : newest ? [newest.id] : [];
    this.#connection.follow(this.#shown);
  }

  #open(run: string, step: number): void {
    console.log(run, step);
  }

  #changeView(): void {
    this.#controls.show();
    this.#closer.clear();
    this.#schedule();
    void this.#lookCloser();
  }

  /** Has the server look into the logs for what is between the points that are here. */
  async #lookCloser(): Promise<void> {
    const { range } = this.#view;
    if (range === undefined) return;
    await Promise.all(
      this.#shown.map(async (run) => {
        const query = new URLSearchParams({ run, from: String(range.from), to: String(range.to) });
        const response = await fetch(`range?${query}`);
        if (!response.ok || this.#view.range !== range) return;
        const { series } = (await response.json()) as RangeView;
        const merged = Object.entries(series).map(
          ([name, update]) => [name, mergeSeries(undefined, update)] as const,
        );
        this.#closer.set(run, new Map(merged));
        this.#schedule();
      }),
    );
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
    this.#header.show(runs[0]?.facts, this.#isConnected);
    this.#charts.show(runs, this.#view, this.#closer);
  }

  #listShown(): ShownRun[] {
    return this.#shown.flatMap((id, at) => {
      const facts = this.#store.facts.get(id);
      const data = this.#store.data.get(id);
      if (facts === undefined || data === undefined) return [];
      const isAlone = this.#shown.length === 1;
      const color = `--run-${at % COLORS}`;
      return {
        ...{ facts, data, color },
        second: isAlone ? '--second' : color,
        prefix: isAlone ? '' : `${facts.name} `,
      };
    });
  }
}
