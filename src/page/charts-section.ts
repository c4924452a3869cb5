import { MEASURE_NAMES, measureKind, type MeasureName } from '../measures.js';
import { formatBytes, formatCount, formatNumber } from '../observe/figures.js';
import { Chart, type ChartOptions } from './chart.js';
import { make } from './dom.js';
import { formatMeasure, formatSeconds } from './format.js';
import { clip, ratio, type Line } from './lines.js';
import { phaseLines } from './phases.js';
import type { ShownRun } from './shown-run.js';
import type { SeriesData } from './store.js';
import type { ChartActions, View } from './view.js';

/** What a chart shows of one run. */
type Source = (run: ShownRun) => Line[];

interface Entry {
  chart: Chart;
  source: Source;
}

/** All charts of numbers by step: measures of training and evaluations, speed, gradients, memory. */
export class ChartsSection {
  readonly element = make('section', {
    class: 'charts',
    attributes: { 'aria-label': 'Charts by step' },
  });
  readonly #entries: Entry[] = [];
  /** Of one run alone. */
  readonly #phases: Chart;

  constructor(private readonly actions: ChartActions) {
    for (const name of MEASURE_NAMES) this.#addMeasure(name);
    this.#add(
      { title: 'Throughput, tokens per second', format: formatCount },
      bySeries('step', (series, make) => [make('tokens/s', ratio(series, 'tokens', 'duration'))]),
    );
    this.#add(
      { title: 'Gradient norm', format: formatNumber, canBeLogarithmic: true },
      column('step', 'gradNorm', 'norm'),
    );
    this.#add(
      { title: 'Learning rate', format: formatNumber, canBeLogarithmic: true },
      column('step', 'learningRate', 'rate'),
    );
    this.#add(
      { title: 'Duration of a step', format: formatSeconds, canBeLogarithmic: true },
      column('step', 'duration', 'duration'),
    );
    this.#add(
      { title: 'Workers computing, share of a step', format: (v) => `${Math.round(100 * v)} %` },
      column('step', 'busy', 'busy'),
    );
    this.#phases = new Chart(
      { title: 'Time of a step, by phase', format: formatSeconds, stacked: true },
      actions,
    );
    this.element.append(this.#phases.element);
    this.#add({ title: 'Memory', format: formatBytes }, (run) => [
      ...column('resources', 'residentBytes', 'resident')(run),
      ...column('resources', 'heapBytes', 'objects', true)(run),
    ]);
  }

  /**
   * @param chosen of which run is shown what would hide that of others
   * @param closer finer series of a range, by run, where they are there
   */
  show(
    runs: readonly ShownRun[],
    chosen: ShownRun | undefined,
    view: View,
    closer: ReadonlyMap<string, ReadonlyMap<string, SeriesData>>,
  ): void {
    const { range } = view;
    const finest = (run: ShownRun): ShownRun => {
      const series = closer.get(run.facts.id);
      return series === undefined
        ? run
        : { ...run, data: { ...run.data, series: new Map(series) } };
    };
    const show = (chart: Chart, lines: Line[]) =>
      chart.show(range ? lines.map((line) => clip(line, range.from, range.to)) : lines, view);
    const finer = runs.map(finest);
    for (const { chart, source } of this.#entries) show(chart, finer.flatMap(source));
    show(this.#phases, chosen === undefined ? [] : phaseLines(finest(chosen)));
  }

  redraw(): void {
    for (const { chart } of this.#entries) chart.redraw();
    this.#phases.redraw();
  }

  #addMeasure(name: MeasureName): void {
    const { label } = measureKind(name);
    const title = label.charAt(0).toUpperCase() + label.slice(1);
    const format = (value: number) => formatMeasure(name, value);
    this.#add({ title, format, canBeLogarithmic: true }, (run) => [
      ...column('step', name, 'training')(run),
      ...[...run.data.series.keys()]
        .filter((key) => key.startsWith('evaluation:'))
        .flatMap((key) => evaluated(run, key, name)),
    ]);
  }

  #add(options: ChartOptions, source: Source): void {
    const chart = new Chart(options, this.actions);
    this.#entries.push({ chart, source });
    this.element.append(chart.element);
  }
}

function evaluated(run: ShownRun, key: string, name: string): Line[] {
  const split = key.slice('evaluation:'.length);
  return column(key, name, split, true)(run).map((line) => ({ ...line, sparse: true }));
}

/** One column of a series as a line. */
function column(key: string, name: string, label: string, isSecond = false): Source {
  return bySeries(
    key,
    (series, make) => {
      const values = series.columns.get(name);
      if (values === undefined) return [];
      const line = make(label, values.mean);
      return [
        {
          ...line,
          ...(isSpread(values) && { min: values.min, max: values.max }),
          ...(isSecond && { dashed: true }),
        },
      ];
    },
    isSecond,
  );
}

function isSpread({ min, max }: { min: (number | null)[]; max: (number | null)[] }): boolean {
  return min.some((value, at) => value !== max[at]);
}

function bySeries(
  key: string,
  lines: (series: SeriesData, make: (label: string, mean: Line['mean']) => Line) => Line[],
  isSecond = false,
): Source {
  return ({ data, facts, color, second, prefix }) => {
    const series = data.series.get(key);
    if (series === undefined) return [];
    return lines(series, (label, mean) => ({
      ...{ label: prefix + label, color: isSecond ? second : color, run: facts.id },
      ...{ steps: series.last, mean },
    }));
  };
}
