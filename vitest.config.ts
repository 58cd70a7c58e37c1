import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    setupFiles: ['test/bed/setup-oracles.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    // Two cores run real compilers; more files at once only slow each other down.
    maxWorkers: 2,
    pool: 'forks',
  },
});
