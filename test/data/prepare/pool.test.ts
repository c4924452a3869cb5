import fc from 'fast-check';
import { setTimeout } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { createPreparePool, inOrder } from '../../../src/data/prepare/pool.js';
import { createTally } from '../../../src/data/prepare/work/tally.js';
import { UserError } from '../../../src/errors.js';
import { packageFile } from '../../../src/package-root.js';
import type { TrainEvent } from '../../../src/events.js';
import { tries } from '../../effort.js';

describe('a pool whose workers die', () => {
  it('has the work done by others, and refuses work that kills them all', async () => {
    const events: TrainEvent[] = [];
    const dying = packageFile('test/data/prepare/dying-worker.js');
    const handle = { tally: createTally(), storeDir: 'stores' };
    const pool = createPreparePool(2, handle, (event) => events.push(event), { filename: dying });
    const input = { source: { path: 'x' }, extentBytes: null, options: {} };
    await expect(pool.run('survey', input as never)).resolves.toEqual(input);
    expect(events).toMatchObject([{ type: 'worker', kind: 'died' }]);
    const refused = pool.run('checksums', { path: 'x' });
    await expect(refused).rejects.toThrow(UserError);
    await expect(refused).rejects.toThrow(/3 workers in a row failed on the same part of the data/);
    expect(events).toHaveLength(4);
    await pool.close();
  });
});

describe('work in order', () => {
  const durations = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 12 });

  it('is taken in order, whatever takes how long, and never more of it at once than allowed', async () => {
    await fc.assert(
      fc.asyncProperty(durations, fc.integer({ min: 1, max: 4 }), async (items, limit) => {
        let running = 0;
        const taken: number[] = [];
        const work = async (ms: number, index: number) => {
          running += 1;
          expect(running).toBeLessThanOrEqual(limit);
          await setTimeout(ms);
          running -= 1;
          return index;
        };
        await inOrder(items, limit, work, (index) => taken.push(index));
        expect(taken).toEqual(items.map((_, i) => i));
      }),
      { numRuns: tries(20) },
    );
  });

  it('fails as its earliest item fails, in working or in taking', async () => {
    const ways = fc.constantFrom('good', 'good', 'good', 'bad work', 'bad result');
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(ways, fc.integer({ min: 0, max: 3 })), { minLength: 1, maxLength: 12 }),
        fc.integer({ min: 1, max: 4 }),
        async (items, limit) => {
          const taken: number[] = [];
          const run = inOrder(
            items,
            limit,
            async ([way, ms], index) => {
              await setTimeout(ms);
              if (way === 'bad work') throw new Error(String(index));
              return { way, index };
            },
            ({ way, index }) => {
              if (way === 'bad result') throw new Error(String(index));
              taken.push(index);
            },
          );
          const first = items.findIndex(([way]) => way !== 'good');
          if (first < 0) await run;
          else await expect(run).rejects.toThrow(new Error(String(first)));
          expect(taken).toEqual(items.slice(0, first < 0 ? undefined : first).map((_, i) => i));
        },
      ),
      { numRuns: tries(30) },
    );
  });
});
