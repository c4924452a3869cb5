import uPlot from 'uplot';
import { make, refill, row, table } from './dom.js';
import { colorOf } from './colors.js';
import type { Line } from './lines.js';
import { nearestIndex, nearestStep } from './nearest.js';
import { layOut } from './plot-layout.js';
import { formatTicks, rangeOfAxis, shortCount } from './ticks.js';
import { formatCount } from '../observe/figures.js';
import type { ChartActions, View } from './view.js';

export interface ChartOptions {
  title: string;
  format: (value: number) => string;
  /** Whether a logarithmic scale makes sense. */
  canBeLogarithmic?: boolean;
  /** Whether lines are stacked onto each other, and filled. */
  stacked?: boolean;
}

const HEIGHT = 220;
/* eslint-disable @typescript-eslint/no-unsafe-enum-assignment -- a const enum of types alone, of which nothing is left in the page */
const LINEAR: uPlot.Scale.Distr = 1;
const LOGARITHMIC: uPlot.Scale.Distr = 3;
/* eslint-enable */
const MOST_TABLE_ROWS = 40;

/** A chart of lines by step, with its legend, its values under the pointer, and a table of them. */
export class Chart {
  readonly element: HTMLElement;
  readonly #place = make('div', 'plot');
  readonly #legend = make('ul', 'legend');
  readonly #hint = make('div', { class: 'hint', attributes: { role: 'status' } });
  readonly #table = make('details', 'values', make('summary', {}, 'Values as a table'));
  #plot: uPlot | undefined;
  /** What a plot is made for; another one needs another plot. */
  #shape = '';
  #lines: Line[] = [];
  /** Of each drawn series: its line, or undefined for bands. */
  #drawn: (Line | undefined)[] = [];
  #isLogarithmic = false;

  constructor(
    readonly options: ChartOptions,
    private readonly actions: ChartActions,
  ) {
    const heading = make('h3', {}, options.title);
    this.#place.tabIndex = 0;
    this.#place.setAttribute('role', 'group');
    this.#place.setAttribute(
      'aria-label',
      `Chart: ${options.title} by step. Arrow keys go along the values, Enter shows a step's details, Escape shows all steps.`,
    );
    this.#place.addEventListener('keydown', (event) => this.#press(event));
    this.#place.addEventListener('dblclick', () => actions.reset());
    this.#table.addEventListener('toggle', () => this.#fillTable());
    this.element = make(
      'figure',
      { class: 'chart', attributes: { 'data-chart': options.title } },
      make('figcaption', {}, heading, this.#legend),
      this.#place,
      this.#hint,
      this.#table,
    );
    new ResizeObserver(() => this.#resize()).observe(this.#place);
  }

  show(lines: readonly Line[], view: View): void {
    this.#lines = lines.filter(({ steps }) => steps.length > 0);
    this.element.hidden = this.#lines.length === 0;
    if (this.#lines.length === 0) return;
    this.#isLogarithmic =
      view.logarithmic && this.options.canBeLogarithmic === true && this.#isPositive();
    const stacked = this.options.stacked === true;
    const { data, series, bands, drawn } = layOut(this.#lines, {
      smoothing: view.smoothing,
      stacked,
    });
    this.#drawn = drawn;
    const shape = JSON.stringify([
      this.#lines.map(({ label, color }) => [label, color]),
      ...[series.length, this.#isLogarithmic, this.#colors()],
    ]);
    if (this.#plot === undefined || shape !== this.#shape) {
      this.#shape = shape;
      this.#make(series, bands);
    }
    const plot = this.#plot!;
    plot.setData(data, false);
    const steps = data[0];
    const range = view.range ?? { from: steps[0] ?? 0, to: steps.at(-1) ?? 1 };
    plot.setScale('x', { min: range.from, max: Math.max(range.to, range.from + 1) });
    if (this.#table.open) this.#fillTable();
  }

  /** To be called when light turns dark. */
  redraw(): void {
    this.#shape = '';
  }

  #isPositive(): boolean {
    return this.#lines.every(({ mean }) => mean.every((value) => value === null || value > 0));
  }

  #colors(): string[] {
    return ['--ink', '--line', ...this.#lines.map(({ color }) => color)].map(colorOf);
  }

  #make(series: uPlot.Series[], bands: uPlot.Band[]): void {
    this.#plot?.destroy();
    const ink = colorOf('--soft');
    const grid = { stroke: colorOf('--line'), width: 1 };
    const axis = {
      stroke: ink,
      grid,
      ticks: { ...grid, size: 4 },
      font: '12px system-ui, sans-serif',
    };
    const { format } = this.options;
    const options: uPlot.Options = {
      width: Math.max(200, this.#place.clientWidth),
      height: HEIGHT,
      series,
      bands,
      legend: { show: false },
      scales: {
        x: { time: false },
        y: this.#isLogarithmic
          ? { distr: LOGARITHMIC }
          : {
              distr: LINEAR,
              range: (_, least, most) =>
                rangeOfAxis(least, most, (from, to) => uPlot.rangeNum(from, to, 0.1, true)),
            },
      },
      axes: [
        { ...axis, values: (_, ticks) => ticks.map(shortCount), space: 70, size: 32 },
        {
          ...axis,
          values: (_, ticks) => formatTicks(ticks, format),
          size: 72,
          space: 34,
        },
      ],
      cursor: {
        sync: { key: 'steps' },
        drag: { x: true, y: false, setScale: false },
        points: { size: 7 },
        focus: { prox: 24 },
      },
      hooks: {
        setCursor: [() => this.#tell()],
        setSelect: [(plot) => this.#select(plot)],
        ready: [(plot) => this.#listen(plot)],
      },
    };
    this.#plot = new uPlot(options, [[]], this.#place);
    this.#fillLegend();
  }

  #fillLegend(): void {
    refill(
      this.#legend,
      ...this.#lines.map(({ label, color, dashed }) =>
        make(
          'li',
          {},
          make('span', {
            class: dashed === true ? 'swatch dashed' : 'swatch',
            variables: { '--color': `var(${color})` },
          }),
          label,
        ),
      ),
    );
  }

  #resize(): void {
    const width = this.#place.clientWidth;
    if (this.#plot !== undefined && width > 0 && width !== this.#plot.width) {
      this.#plot.setSize({ width, height: HEIGHT });
    }
  }

  #select(plot: uPlot): void {
    const { left, width } = plot.select;
    if (width < 4) return;
    const [from, to] = [plot.posToVal(left, 'x'), plot.posToVal(left + width, 'x')];
    plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    this.actions.zoom(Math.floor(from), Math.ceil(to));
  }

  /** A click is a press that has not been dragged. */
  #listen(plot: uPlot): void {
    let pressedAt = 0;
    plot.over.addEventListener('mousedown', ({ clientX }) => (pressedAt = clientX));
    plot.over.addEventListener('click', ({ clientX }) => {
      if (Math.abs(clientX - pressedAt) < 4) this.#open();
    });
  }

  /** The line that the pointer is nearest to, and its value there. */
  #nearest(): { line: Line; step: number } | undefined {
    const plot = this.#plot;
    const at = plot?.cursor.idx;
    if (plot === undefined || at == null) return undefined;
    let best: { line: Line; step: number; distance: number } | undefined;
    this.#drawn.forEach((line, index) => {
      if (line === undefined) return;
      const near = nearestIndex(plot.data[0], plot.data[index]!, at);
      if (near === undefined) return;
      const y = plot.valToPos(plot.data[index]![near]!, 'y');
      const x = plot.valToPos(plot.data[0][near]!, 'x');
      const distance = Math.hypot(y - (plot.cursor.top ?? 0), x - (plot.cursor.left ?? 0));
      if (best === undefined || distance < best.distance) {
        best = { line, step: plot.data[0][near]!, distance };
      }
    });
    return best;
  }

  #open(): void {
    const nearest = this.#nearest();
    if (nearest !== undefined) this.actions.open(nearest.line.run, nearest.step);
  }

  #press(event: KeyboardEvent): void {
    const plot = this.#plot;
    if (plot === undefined) return;
    const moves: Record<string, number> = {
      ArrowLeft: -1,
      ArrowRight: 1,
      PageUp: -20,
      PageDown: 20,
    };
    const end = { Home: -Infinity, End: Infinity }[event.key];
    const move = moves[event.key] ?? end;
    if (move !== undefined) {
      const steps = plot.data[0];
      const { min = 0, max = Infinity } = plot.scales['x'] as { min?: number; max?: number };
      const before = plot.cursor.idx ?? nearestStep(steps, move > 0 ? min : max);
      const at = Math.min(
        steps.length - 1,
        Math.max(0, before + (plot.cursor.idx == null && end === undefined ? 0 : move)),
      );
      plot.setCursor({ left: plot.valToPos(steps[at]!, 'x'), top: plot.over.clientHeight / 2 });
    } else if (event.key === 'Enter') this.#open();
    else if (event.key === 'Escape') this.actions.reset();
    else return;
    event.preventDefault();
  }

  #tell(): void {
    const plot = this.#plot;
    const at = plot?.cursor.idx;
    if (plot === undefined || at == null || (plot.cursor.left ?? -1) < 0) {
      refill(this.#hint);
      return;
    }
    const values = this.#drawn.flatMap((line, index) => {
      if (line === undefined) return [];
      const near = nearestIndex(plot.data[0], plot.data[index]!, at);
      if (near === undefined) return [];
      return [
        make(
          'span',
          { class: 'value', variables: { '--color': `var(${line.color})` } },
          `${line.label} ${this.#describe(line, plot.data[0][near]!, plot.data[index]![near]!)}`,
        ),
      ];
    });
    refill(this.#hint, make('b', {}, `step ${formatCount(plot.data[0][at]!)}`), ...values);
  }

  #describe(line: Line, step: number, shown: number): string {
    const { format, stacked } = this.options;
    const at = nearestStep(line.steps, step);
    if (stacked === true) {
      const below = this.#lines[this.#lines.indexOf(line) - 1]?.mean[at] ?? 0;
      return format((line.mean[at] ?? 0) - below);
    }
    const [low, high] = [line.min?.[at], line.max?.[at]];
    if (low == null || high == null || low === high) return format(shown);
    return `${format(shown)} (${format(low)} to ${format(high)})`;
  }

  #fillTable(): void {
    const old = this.#table.querySelector('.scroll');
    old?.remove();
    if (!this.#table.open) return;
    const rows = this.#lines.flatMap((line) => {
      const every = Math.ceil(line.steps.length / MOST_TABLE_ROWS);
      return line.steps.flatMap((step, at) => {
        const value = line.mean[at];
        if ((line.steps.length - 1 - at) % every !== 0 || value == null) return [];
        return row(formatCount(step), line.label, this.#describe(line, step, value));
      });
    });
    this.#table.append(table(this.options.title, ['step', 'line', 'value'], rows));
  }
}
