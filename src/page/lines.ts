import type { SeriesData } from './store.js';

/** A line of a chart: values by step, null where there is none. */
export interface Line {
  label: string;
  /** Custom property of CSS that holds its colour. */
  color: string;
  dashed?: boolean;
  /** Whether single values are far apart, and each is marked. */
  sparse?: boolean;
  steps: number[];
  mean: (number | null)[];
  /** What the mean is of, where buckets hold several values. */
  min?: (number | null)[];
  max?: (number | null)[];
  /** Of what run, for a click. */
  run: string;
}

/** Divides one column by another, bucket by bucket. */
export function ratio(series: SeriesData, above: string, below: string): (number | null)[] {
  const [a, b] = [series.columns.get(above)?.mean, series.columns.get(below)?.mean];
  return series.last.map((_, at) => {
    const [x, y] = [a?.[at] ?? null, b?.[at] ?? null];
    return x === null || y === null || y === 0 ? null : x / y;
  });
}

/**
 * An exponential moving average without a bias towards its first value; gaps stay gaps.
 *
 * @param weight of what came before, 0 (as it is) to below 1
 */
export function smooth(values: readonly (number | null)[], weight: number): (number | null)[] {
  if (weight === 0) return [...values];
  let average = 0;
  let total = 0;
  return values.map((value) => {
    if (value === null) return null;
    average = weight * average + (1 - weight) * value;
    total = weight * total + (1 - weight);
    return average / total;
  });
}

/** Only the part within some steps, and one point beyond at either side. */
export function clip(line: Line, from: number, to: number): Line {
  const begin = Math.max(0, line.steps.findIndex((step) => step >= from) - 1);
  const after = line.steps.findIndex((step) => step > to);
  const end = after < 0 ? line.steps.length : after + 1;
  return {
    ...line,
    steps: line.steps.slice(begin, end),
    mean: line.mean.slice(begin, end),
    ...(line.min && { min: line.min.slice(begin, end) }),
    ...(line.max && { max: line.max.slice(begin, end) }),
  };
}
