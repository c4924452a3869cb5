import type { StartPool } from '../../../src/data/prepare/build.js';
import { readReply } from '../../../src/data/prepare/pool.js';
import {
  joinPreparation,
  type WorkInput,
  type WorkName,
  type WorkReply,
  type WorkResult,
} from '../../../src/data/prepare/work/works.js';

/** Does a preparation's work on the calling thread, one piece after the other: small corpora take less time than threads to start. */
export const startLocalPool: StartPool = (workers, handle) => {
  const perform = joinPreparation(handle);
  return {
    workers,
    async run<N extends WorkName>(name: N, input: WorkInput<N>): Promise<WorkResult<N>> {
      // Copied, as between threads.
      const reply = await perform(structuredClone({ name, input }));
      return readReply(structuredClone(reply) as WorkReply<N>);
    },
    close: () => Promise.resolve(),
  };
};
