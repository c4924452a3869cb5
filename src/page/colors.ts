/** What a custom property of CSS holds. */
export function colorOf(property: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(property).trim();
}

/** A colour "#rrggbb" with so much of it. */
export function fade(color: string, share: number): string {
  return `${color}${Math.round(255 * share)
    .toString(16)
    .padStart(2, '0')}`;
}
