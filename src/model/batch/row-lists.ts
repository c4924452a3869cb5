/** Lists of rows and of tokens, made without an allocation: they are for every batch. */

/**
 * Lists rows [row0, row1) by falling length, of one length in their order: counts how many there are of each, and allocates nothing.
 *
 * @param rowStart where each row begins, and the last ends
 * @param ends room for counts. [longest row + 1]
 */
export function sortByLength(
  rowStart: Int32Array,
  row0: number,
  row1: number,
  into: Int32Array,
  ends: Int32Array,
): void {
  ends.fill(0);
  // Behind the rows of each length, counted from the longest there may be, come those that are shorter by one.
  const last = ends.length - 1;
  for (let row = row0; row < row1; row++) ends[last - (rowStart[row + 1]! - rowStart[row]!)]!++;
  for (let i = 1; i < ends.length; i++) ends[i]! += ends[i - 1]!;
  for (let row = row1 - 1; row >= row0; row--) {
    into[--ends[last - (rowStart[row + 1]! - rowStart[row]!)]!] = row;
  }
}

/** Counts how far tokens lie one behind the other in two lists, so that sums need not look up every place. */
export function countRuns(
  order: Int32Array,
  others: Int32Array,
  runs: Int32Array,
  tokens: number,
): void {
  for (let k = tokens - 1; k >= 0; k--) {
    const goesOn =
      k + 1 < tokens && order[k + 1] === order[k]! + 1 && others[k + 1] === others[k]! + 1;
    runs[k] = goesOn ? runs[k + 1]! + 1 : 1;
  }
}

/**
 * Lists each of some numbers once, in the order in which they first stand there.
 *
 * @param places room for marks, of numbers below its length: −1 everywhere before and after
 * @param placeOf which of those listed stands at each place
 * @returns how many are listed
 */
export function listOnce(
  numbers: Int32Array,
  count: number,
  places: Int32Array,
  into: Int32Array,
  placeOf: Int32Array,
): number {
  let listed = 0;
  for (let i = 0; i < count; i++) {
    const number = numbers[i]!;
    if (places[number]! < 0) {
      places[number] = listed;
      into[listed++] = number;
    }
    placeOf[i] = places[number]!;
  }
  for (let i = 0; i < listed; i++) places[into[i]!] = -1;
  return listed;
}
