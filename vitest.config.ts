import { existsSync } from 'node:fs';
import path from 'node:path';
import type { Plugin } from 'vitest/config';
import { defineConfig } from 'vitest/config';

const root = import.meta.dirname;

/**
 * Has tests use what src/ was compiled to, as users and threads do, and not what vitest makes of it: that asks a getter for each function of
 * another module whenever it is called, and kernels of the reference then take twice as long. Bundles stay out, which have copies of what they
 * import: they alone lack a map. While vitest watches for changes it needs the sources.
 */
function useBuild(): Plugin {
  let isWatching = false;
  return {
    name: 'use-build',
    enforce: 'pre',
    configureVitest({ vitest }) {
      isWatching = vitest.config.watch;
    },
    resolveId(source, importer) {
      if (isWatching || !importer || !source.startsWith('.')) return undefined;
      const asked = path.relative(root, path.resolve(path.dirname(importer), source));
      const built = path.join(root, 'dist', asked);
      return asked.startsWith('src/') && existsSync(`${built}.map`) ? built : undefined;
    },
  };
}

/** Of which each has a process of its own: they look at memory, threads or signals of the process that they are in. */
const alone = [
  'test/commands/bench.test.ts',
  'test/compute/allocation.test.ts',
  'test/faults/clocks.test.ts',
  'test/faults/run.test.ts',
  'test/faults/worker-death.test.ts',
  'test/system/thread-heap.test.ts',
];
/** Those that replace modules of src/, which is done with its sources. */
const mocking = ['test/train/setting.test.ts', 'test/use/stage-runners.test.ts'];

export default defineConfig({
  test: {
    server: { deps: { external: [/\/dist\//] } },
    globalSetup: ['test/build.ts'],
    setupFiles: ['test/seed.ts'],
    // Far beyond what any of them takes: it ends what hangs, and no test fails because the machine has other work.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    expect: { poll: { timeout: 60_000 } },
    // With one more than two cores need, none waits while a file does.
    maxWorkers: 3,
    projects: [
      { extends: true, plugins: [useBuild()], test: { name: 'alone', include: alone } },
      { extends: true, test: { name: 'mocking', include: mocking } },
      {
        extends: true,
        plugins: [useBuild()],
        test: {
          name: 'together',
          include: ['test/**/*.test.ts'],
          exclude: [...alone, ...mocking],
          // To load the program anew for each of the many small files would take longer than most of them run.
          isolate: false,
        },
      },
    ],
  },
});
