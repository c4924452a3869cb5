import { newestEvents } from '../observe/board/event-list.js';
import type {
  BoardUpdate,
  ColumnUpdate,
  LogEvent,
  RunFacts,
  RunUpdate,
  SeriesUpdate,
} from '../observe/board/wire.js';

/** A series as far as it is known here. */
export interface SeriesData {
  first: number[];
  last: number[];
  count: number[];
  columns: Map<string, Required<ColumnUpdate>>;
}

/** A run that is shown. */
export interface RunData {
  series: Map<string, SeriesData>;
  events: LogEvent[];
  latest: Map<string, LogEvent>;
  timelines: LogEvent[];
}

/** What the page knows of the runs. */
export class Store {
  readonly facts = new Map<string, RunFacts>();
  readonly data = new Map<string, RunData>();
  /** Whether there are runs of which nothing is told. */
  areMore = false;

  applyBoard({ reset, runs, gone, areMore }: BoardUpdate): void {
    this.areMore = areMore;
    if (reset) {
      const there = new Set(runs.map(({ id }) => id));
      for (const id of this.facts.keys()) if (!there.has(id)) this.#remove(id);
    }
    for (const id of gone) this.#remove(id);
    for (const facts of runs) this.facts.set(facts.id, facts);
  }

  applyRun({ id, reset, series, events, latest, timelines }: RunUpdate): void {
    let data = this.data.get(id);
    if (data === undefined || reset) {
      data = { series: new Map(), events: [], latest: new Map(), timelines: [] };
      this.data.set(id, data);
    }
    for (const [name, update] of Object.entries(series)) {
      data.series.set(name, mergeSeries(data.series.get(name), update));
    }
    data.events = newestEvents([...data.events, ...events]);
    for (const [type, event] of Object.entries(latest)) data.latest.set(type, event);
    if (timelines !== undefined) data.timelines = timelines;
  }

  #remove(id: string): void {
    this.facts.delete(id);
    this.data.delete(id);
  }
}

export function mergeSeries(before: SeriesData | undefined, update: SeriesUpdate): SeriesData {
  const { from } = update;
  const kept = from === 0 ? undefined : before;
  const join = (old: readonly number[] | undefined, fresh: number[]) => [
    ...(old ?? []).slice(0, from),
    ...fresh,
  ];
  const columns = new Map<string, Required<ColumnUpdate>>();
  for (const [name, { mean, min = mean, max = mean }] of Object.entries(update.columns)) {
    const old = kept?.columns.get(name);
    const joinValues = (
      former: readonly (number | null)[] | undefined,
      fresh: (number | null)[],
    ) => [
      ...(former?.slice(0, from) ??
        Array.from({ length: kept === undefined ? 0 : from }, () => null)),
      ...fresh,
    ];
    columns.set(name, {
      mean: joinValues(old?.mean, mean),
      min: joinValues(old?.min, min),
      max: joinValues(old?.max, max),
    });
  }
  return {
    first: join(kept?.first, update.first),
    last: join(kept?.last, update.last),
    count: join(kept?.count, update.count),
    columns,
  };
}
