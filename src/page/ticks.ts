/** A logarithmic axis leaves some of its ticks without a number. */
export function formatTicks(ticks: (number | null)[], format: (value: number) => string): string[] {
  return ticks.map((tick) => (tick === null ? '' : format(tick)));
}

/** The least and the greatest value of an axis: of values that are all 0, 0 and 1, which for shares is all there can be. */
export function rangeOfAxis(
  least: number,
  most: number,
  usual: (least: number, most: number) => [number | null, number | null],
): [number | null, number | null] {
  return least === 0 && most === 0 ? [0, 1] : usual(least, most);
}

/** 12,000 → "12k". */
export function shortCount(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(4))}M`;
  return value >= 1e4 ? `${Number((value / 1e3).toPrecision(4))}k` : String(value);
}
