/** Which distinct tokens a batch has, or which distinct values of a feature of its tokens, or letters; each an array on the heap. */
export interface DistinctLayout {
  /** [places]: which distinct token stands at each place. */
  distinctOf: Int32Array;
  /** [tokens]: the distinct tokens' ids in the order of their first appearance; of spellings, which nobody looks up, empty. */
  distinctIds: Int32Array;
  /** [tokens + 1] and [tokens]: places of each distinct token, in rising order. */
  distinctStart: Int32Array;
  positions: Int32Array;
  /** [2]: 0 and the number of distinct tokens, as one segment. */
  distinctRange: Int32Array;
  /** [vocabulary]: place of each token id among the distinct ones, −1 for absent; of spellings empty. Starts out as all −1. */
  distinctIndex: Int32Array;
}

/**
 * Gives the ids of a batch numbers in the order of their first appearance, and lists where each stands.
 *
 * @param layout at each place of `distinctOf` an id, which becomes its number
 * @param order places in the order of sums
 * @param before what has been numbered already, where both are numbered together: it has the same ids and marks, and gets numbers for
 * all that follow, which stand nowhere in it
 */
export function numberDistinct(
  layout: DistinctLayout,
  order: Int32Array,
  tokens: number,
  before?: DistinctLayout,
): void {
  const { distinctIndex, distinctIds, distinctStart, distinctOf, distinctRange } = layout;
  let distinct = 0;
  if (before) {
    distinct = before.distinctRange[1]!;
    distinctStart.fill(0, 0, distinct + 1);
  } else {
    // Takes back the marks of the batch that lay here before.
    for (let d = 0; d < distinctRange[1]!; d++) distinctIndex[distinctIds[d]!] = -1;
  }
  for (let k = 0; k < tokens; k++) {
    const place = order[k]!;
    const id = distinctOf[place]!;
    let index = distinctIndex[id]!;
    if (index < 0) {
      index = distinct++;
      distinctIndex[id] = index;
      distinctIds[index] = id;
      distinctStart[index + 1] = 0;
    }
    distinctStart[index + 1]!++;
    distinctOf[place] = index;
  }
  listPositions(layout, order, tokens, distinct);
  if (!before) return;
  const known = before.distinctRange[1]!;
  before.distinctStart.fill(before.distinctStart[known]!, known + 1, distinct + 1);
  before.distinctRange[1] = distinct;
}

/**
 * The same with numbers that are given, by which nobody looks for ids.
 *
 * @param numberOf the number of each id, as many of them as ids
 */
export function listDistinct(
  layout: DistinctLayout,
  order: Int32Array,
  tokens: number,
  numberOf: Int32Array,
  distinct: number,
): void {
  const { distinctStart, distinctOf } = layout;
  for (let number = 0; number < distinct; number++) distinctStart[number + 1] = 0;
  for (let k = 0; k < tokens; k++) {
    const place = order[k]!;
    const number = numberOf[distinctOf[place]!]!;
    distinctStart[number + 1]!++;
    distinctOf[place] = number;
  }
  listPositions(layout, order, tokens, distinct);
}

/** Turns the counts of each distinct token into the places where it stands. */
function listPositions(
  { distinctStart, distinctOf, positions, distinctRange }: DistinctLayout,
  order: Int32Array,
  tokens: number,
  distinct: number,
): void {
  distinctStart[0] = 0;
  for (let d = 0; d < distinct; d++) distinctStart[d + 1]! += distinctStart[d]!;
  // Moved up by one: filling a token's list moves its mark to where the next list begins.
  for (let d = distinct; d > 0; d--) distinctStart[d] = distinctStart[d - 1]!;
  for (let k = 0; k < tokens; k++) {
    const place = order[k]!;
    positions[distinctStart[distinctOf[place]! + 1]!++] = place;
  }
  distinctRange[1] = distinct;
}
