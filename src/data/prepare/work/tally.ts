/** How much work has been done, counted by all threads together. */
export type Tally = BigInt64Array<SharedArrayBuffer>;

const fields = ['bytes', 'rows', 'tokens'] as const;

export function createTally(): Tally {
  return new BigInt64Array(new SharedArrayBuffer(8 * fields.length));
}

export function count(tally: Tally, field: (typeof fields)[number], by: number): void {
  Atomics.add(tally, fields.indexOf(field), BigInt(by));
}

export function readTally(tally: Tally): Record<(typeof fields)[number], number> {
  const [bytes, rows, tokens] = fields.map((_, i) => Number(Atomics.load(tally, i)));
  return { bytes: bytes!, rows: rows!, tokens: tokens! };
}

export function resetTally(tally: Tally): void {
  fields.forEach((_, i) => Atomics.store(tally, i, 0n));
}
