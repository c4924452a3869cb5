/** A stretch of independent units of work: which thread takes which makes no difference to the result. */
export interface WorkGroup {
  units: number;
  /** Cost of one unit, above 0, in any measure common to the groups of a phase; may depend on the batch. */
  readonly cost: number;
  /** Does units [from, to). */
  run(from: number, to: number): void;
}

/**
 * Runs one part's share of a list of groups: a contiguous stretch of the whole cost. Over all parts every unit runs
 * exactly once.
 *
 * @param bounds where each part's share begins and ends, rising from 0 to 1. [parts + 1]
 */
export function runShare(
  groups: readonly WorkGroup[],
  bounds: Readonly<Float64Array>,
  part: number,
): void {
  let total = 0;
  for (const group of groups) total += group.units * group.cost;
  const begin = total * bounds[part]!;
  const end = total * bounds[part + 1]!;
  let offset = 0;
  for (const group of groups) {
    const from = unitAt(group, begin - offset);
    const to = unitAt(group, end - offset);
    if (to > from) group.run(from, to);
    offset += group.units * group.cost;
  }
}

/** First unit that begins at or behind a cost: neighbours agree on it, since both compute the same numbers. */
function unitAt(group: WorkGroup, cost: number): number {
  return Math.min(group.units, Math.max(0, Math.ceil(cost / group.cost)));
}
