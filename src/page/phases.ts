import type { Line } from './lines.js';
import type { ShownRun } from './shown-run.js';

/** Smaller phases share an area. */
const LEAST_SHARE = 0.01;
const MOST_PHASES = 8;
/** Single steps vary so much that areas could not be told apart. */
const MOST_POINTS = 100;

/** Where steps' time went, as lines that are stacked: each the sum of its phase and those below. */
export function phaseLines({ data, facts }: ShownRun): Line[] {
  const series = data.series.get('step');
  if (series === undefined) return [];
  const phases = [...series.columns]
    .filter(([name]) => name.startsWith('phase:'))
    .map(([name, { mean }]) => ({ name: name.slice('phase:'.length), mean, sum: sumOf(mean) }))
    .sort((a, b) => b.sum - a.sum);
  const total = phases.reduce((sum, phase) => sum + phase.sum, 0);
  const large = phases.filter(({ sum }, at) => at < MOST_PHASES && sum > LEAST_SHARE * total);
  const small = phases.slice(large.length).filter(({ sum }) => sum > 0);
  const shown = [
    ...large,
    ...(small.length > 0 ? [{ name: 'others', mean: addAll(small.map(({ mean }) => mean)) }] : []),
  ];
  const together = Math.ceil(series.last.length / MOST_POINTS);
  const ends = series.last.flatMap((_, at) =>
    (at + 1) % together === 0 || at === series.last.length - 1 ? at + 1 : [],
  );
  const below = ends.map(() => 0);
  return shown.map(({ name, mean }, at) => ({
    ...{ label: name, color: name === 'others' ? '--phase-8' : `--phase-${at}`, run: facts.id },
    steps: ends.map((end) => series.last[end - 1]!),
    mean: ends.map(
      (end, point) => (below[point]! += meanOf(mean, series.count, ends[point - 1] ?? 0, end)),
    ),
  }));
}

/** Of the steps in some buckets. */
function meanOf(
  values: readonly (number | null)[],
  counts: readonly number[],
  begin: number,
  end: number,
): number {
  let [sum, steps] = [0, 0];
  for (let at = begin; at < end; at++) {
    sum += (values[at] ?? 0) * counts[at]!;
    steps += counts[at]!;
  }
  return sum / steps;
}

function sumOf(values: readonly (number | null)[]): number {
  return values.reduce<number>((sum, value) => sum + (value ?? 0), 0);
}

function addAll(lists: readonly (readonly (number | null)[])[]): number[] {
  return lists[0]!.map((_, at) => lists.reduce((sum, list) => sum + (list[at] ?? 0), 0));
}
