/**
 * A clock in milliseconds that all threads of the process have in common: `performance.now()` counts from each thread's own start.
 * To read it makes no garbage, unlike `process.hrtime`.
 */
export function sharedClock(): () => number {
  const offset = Number(process.hrtime.bigint()) / 1e6 - performance.now();
  return () => performance.now() + offset;
}
