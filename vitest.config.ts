import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/seed.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Tests start worker threads of their own, so that more files at once than cores only adds noise.
    maxWorkers: 2,
  },
});
