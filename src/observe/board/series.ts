import type { ColumnUpdate, SeriesUpdate } from './wire.js';

/** Most buckets of a series; half as many are left when it gets coarser. */
export const CAPACITY = 2048;
/** More columns than any run has; what else stands in a log is passed over. */
const MOST_COLUMNS = 96;

interface Column {
  min: Float64Array;
  max: Float64Array;
  sum: Float64Array;
  /** Finite values. */
  count: Float64Array;
}

/**
 * Numbers by step in bounded memory: neighbouring steps share a bucket, which keeps the least, the greatest and the mean of each
 * column. With all buckets in use, each takes in twice as many steps from then on, so that what is kept depends on the steps
 * alone and not on when they came.
 */
export class Series {
  #length = 0;
  /** Steps of one bucket; a power of two. */
  #width = 1;
  #first = new Float64Array(64);
  #last = new Float64Array(64);
  #count = new Float64Array(64);
  /** Where in the log the first line of a bucket begins. */
  #offset = new Float64Array(64);
  /** When a bucket was last changed; never less than that of the one before. */
  #changed = new Float64Array(64);
  #columns = new Map<string, Column>();
  /** When the buckets were last divided anew. */
  #dividedAt = 0;

  get length(): number {
    return this.#length;
  }

  /** Greatest step, or -1. */
  get lastStep(): number {
    return this.#length === 0 ? -1 : this.#last[this.#length - 1]!;
  }

  /**
   * Makes room for a step's values, which `put` then takes.
   *
   * @param moment that only grows, by which `since` tells what is new
   * @returns false for a step before the last one, which has no place here
   */
  begin(step: number, offset: number, moment: number): boolean {
    if (!Number.isSafeInteger(step) || step < 0 || step < this.lastStep) return false;
    const at = this.#length - 1;
    if (at >= 0 && this.#keyOf(this.#first[at]!) === this.#keyOf(step)) {
      this.#last[at] = step;
      this.#count[at]!++;
      this.#changed[at] = moment;
      return true;
    }
    if (this.#length === CAPACITY) {
      this.#coarsen(moment);
      return this.begin(step, offset, moment);
    }
    if (this.#length === this.#first.length) this.#grow();
    const next = this.#length++;
    this.#first[next] = this.#last[next] = step;
    this.#count[next] = 1;
    this.#offset[next] = offset;
    this.#changed[next] = moment;
    return true;
  }

  /** Adds a value of the step that was begun last; one that is not finite leaves a gap. */
  put(name: string, value: unknown): void {
    if (typeof value !== 'number' || !Number.isFinite(value)) return;
    const column = this.#columns.get(name) ?? this.#addColumn(name);
    if (column === undefined) return;
    const at = this.#length - 1;
    const count = column.count[at]!++;
    column.sum[at]! += value;
    if (count === 0 || value < column.min[at]!) column.min[at] = value;
    if (count === 0 || value > column.max[at]!) column.max[at] = value;
  }

  /** Where in the log to look for a step: its bucket's first line; undefined where there is none before. */
  offsetOf(step: number): number | undefined {
    const at = this.#search(this.#first, (first) => first > step) - 1;
    return at < 0 ? undefined : this.#offset[at];
  }

  /** What has changed after a moment; undefined when nothing has. */
  since(moment: number): SeriesUpdate | undefined {
    const from =
      moment < this.#dividedAt ? 0 : this.#search(this.#changed, (changed) => changed > moment);
    if (from >= this.#length) return undefined;
    const part = (values: Float64Array) => Array.from(values.subarray(from, this.#length));
    const columns = Array.from(this.#columns, ([name, column]) => [name, this.#tell(column, from)]);
    return {
      from,
      first: part(this.#first),
      last: part(this.#last),
      count: part(this.#count),
      columns: Object.fromEntries(columns) as Record<string, ColumnUpdate>,
    };
  }

  #tell({ min, max, sum, count }: Column, from: number): ColumnUpdate {
    const update = { mean: [], min: [], max: [] } as Required<ColumnUpdate>;
    let isSpread = false;
    for (let at = from; at < this.#length; at++) {
      const values = count[at]!;
      isSpread ||= min[at]! < max[at]!;
      update.mean.push(values === 0 ? null : shorten(sum[at]! / values));
      update.min.push(values === 0 ? null : shorten(min[at]!));
      update.max.push(values === 0 ? null : shorten(max[at]!));
    }
    return isSpread ? update : { mean: update.mean };
  }

  #keyOf(step: number): number {
    return Math.floor(step / this.#width);
  }

  /** Index of the first bucket that a condition holds for, where it holds for all behind it, too. */
  #search(values: Float64Array, holds: (value: number) => boolean): number {
    let [low, high] = [0, this.#length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (holds(values[middle]!)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  #addColumn(name: string): Column | undefined {
    if (this.#columns.size === MOST_COLUMNS) return undefined;
    const make = () => new Float64Array(this.#first.length);
    const column = { min: make(), max: make(), sum: make(), count: make() };
    this.#columns.set(name, column);
    return column;
  }

  #grow(): void {
    const size = Math.min(CAPACITY, 2 * this.#first.length);
    const grown = (values: Float64Array) => {
      const larger = new Float64Array(size);
      larger.set(values);
      return larger;
    };
    this.#first = grown(this.#first);
    this.#last = grown(this.#last);
    this.#count = grown(this.#count);
    this.#offset = grown(this.#offset);
    this.#changed = grown(this.#changed);
    for (const column of this.#columns.values()) {
      column.min = grown(column.min);
      column.max = grown(column.max);
      column.sum = grown(column.sum);
      column.count = grown(column.count);
    }
  }

  /** Doubles the width of all buckets; those that now share one are joined. */
  #coarsen(moment: number): void {
    this.#width *= 2;
    this.#dividedAt = moment;
    let to = 0;
    for (let at = 1; at < this.#length; at++) {
      if (this.#keyOf(this.#first[to]!) === this.#keyOf(this.#first[at]!)) this.#join(at, to);
      else this.#move(at, ++to);
    }
    const length = to + 1;
    for (const { min, max, sum, count } of this.#columns.values()) {
      for (const values of [min, max, sum, count]) values.fill(0, length);
    }
    this.#length = length;
  }

  #join(at: number, to: number): void {
    this.#last[to] = this.#last[at]!;
    this.#count[to]! += this.#count[at]!;
    this.#changed[to] = this.#changed[at]!;
    for (const { min, max, sum, count } of this.#columns.values()) {
      if (count[at] === 0) continue;
      min[to] = count[to] === 0 ? min[at]! : Math.min(min[to]!, min[at]!);
      max[to] = count[to] === 0 ? max[at]! : Math.max(max[to]!, max[at]!);
      sum[to]! += sum[at]!;
      count[to]! += count[at]!;
    }
  }

  #move(at: number, to: number): void {
    if (at === to) return;
    for (const values of [this.#first, this.#last, this.#count, this.#offset, this.#changed]) {
      values[to] = values[at]!;
    }
    for (const { min, max, sum, count } of this.#columns.values()) {
      for (const values of [min, max, sum, count]) values[to] = values[at]!;
    }
  }
}

/** Six digits are more than a chart shows, and a third of the bytes. */
function shorten(value: number): number {
  if (Number.isInteger(value)) return value;
  const digits = 5 - Math.floor(Math.log10(Math.abs(value)));
  const scale = 10 ** Math.abs(digits);
  if (!Number.isFinite(scale)) return value;
  return digits < 0 ? Math.round(value / scale) * scale : Math.round(value * scale) / scale;
}
