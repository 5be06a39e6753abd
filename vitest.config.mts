import { defineConfig } from 'vitest/config';

const timeout = process.env.LPREG_TEST_FULL ? 1_800_000 : 60_000;

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // A crash of the native library ends one file's process, not the run.
    pool: 'forks',
    // Lets tests about lifetimes ask for a collection.
    execArgv: ['--expose-gc'],
    testTimeout: timeout,
    hookTimeout: timeout,
    typecheck: {
      enabled: true,
      include: ['test/types/**/*.test-d.ts'],
      tsconfig: 'test/tsconfig.json',
    },
  },
});
