import fc from 'fast-check';

/** How many networks are tried; some checks take a share of them. `npm run soak -- --networks N` tries more. */
export const NETWORKS = Number(process.env['NETWORKS'] ?? 500);
export const isLong = process.env['NETWORKS'] !== undefined;

/** Checks drawn values one by one; in a long run it says how far it has come. */
export async function checkAll<T>(
  name: string,
  values: fc.Arbitrary<T>,
  count: number,
  check: (value: T) => Promise<void>,
): Promise<void> {
  const numRuns = Math.max(1, Math.round(count));
  let done = 0;
  await fc.assert(
    fc.asyncProperty(values, async (value) => {
      await check(value);
      if (isLong && ++done % 100 === 0) console.log(`${name}: ${done} of ${numRuns}`);
    }),
    // To look for a smaller one that fails, too, takes many times as long as to try all.
    { numRuns, endOnFailure: true },
  );
}
