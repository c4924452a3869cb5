/** A prepare worker that dies of its first tasks: `survey` kills it once, `hash` every time. */
import { workerData } from 'node:worker_threads';

export default ({ name, input }) => {
  if (name === 'checksums') process.exit(1);
  if (Atomics.add(workerData.tally, 0, 1n) === 0n) process.exit(1);
  return { result: input };
};
