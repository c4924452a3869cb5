import { defineConfig } from 'vitest/config';

/** Of which each has a process of its own: they look at memory, threads or signals of the process that they are in, or replace modules. */
const alone = [
  'test/commands/bench.test.ts',
  'test/compute/allocation.test.ts',
  'test/faults/clocks.test.ts',
  'test/faults/run.test.ts',
  'test/faults/worker-death.test.ts',
  'test/system/thread-heap.test.ts',
  'test/train/setting.test.ts',
];

export default defineConfig({
  test: {
    server: { deps: { external: [/\/dist\//] } },
    setupFiles: ['test/seed.ts'],
    // Far beyond what any of them takes: it ends what hangs, and no test fails because the machine has other work.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 60_000 } },
    // Files are dealt out before the first one runs. With one lane more than two cores need, no core waits while the longest lane ends.
    maxWorkers: 3,
    projects: [
      { extends: true, test: { name: 'alone', include: alone } },
      {
        extends: true,
        test: {
          name: 'together',
          include: ['test/**/*.test.ts'],
          exclude: alone,
          // To load the program anew for each of the many small files would take longer than most of them run.
          isolate: false,
        },
      },
    ],
  },
});
