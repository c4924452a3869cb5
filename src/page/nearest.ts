/** Index of the value at or near `at` that is one. */
export function nearestIndex(
  steps: ArrayLike<number>,
  values: ArrayLike<number | null | undefined>,
  at: number,
): number | undefined {
  let before = at;
  while (before >= 0 && values[before] == null) before--;
  let after = at;
  while (after < values.length && values[after] == null) after++;
  if (before < 0) return after < values.length ? after : undefined;
  if (after >= values.length) return before;
  return steps[at]! - steps[before]! <= steps[after]! - steps[at]! ? before : after;
}

/** Index of the step that is nearest to one. */
export function nearestStep(steps: ArrayLike<number>, step: number): number {
  let [low, high] = [0, steps.length - 1];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (steps[middle]! < step) low = middle + 1;
    else high = middle;
  }
  return low > 0 && step - steps[low - 1]! < steps[low]! - step ? low - 1 : low;
}
