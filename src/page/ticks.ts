/** A logarithmic axis leaves some of its ticks without a number. */
export function formatTicks(ticks: (number | null)[], format: (value: number) => string): string[] {
  return ticks.map((tick) => (tick === null ? '' : format(tick)));
}

/** 12,000 → "12k". */
export function shortCount(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(4))}M`;
  return value >= 1e4 ? `${Number((value / 1e3).toPrecision(4))}k` : String(value);
}
