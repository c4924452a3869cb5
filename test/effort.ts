/** How much more is tried than usual: `EFFORT=20 npm test` is a long run. */
const effort = Number(process.env['EFFORT'] ?? 1);

/** How often something random is tried, of which some tries are as good as others. */
export function tries(usual: number): number {
  return Math.ceil(usual * effort);
}
