import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'

/** Small tests run side by side; those that start Blender, Redis or a whole farm would starve one another. */
const HEAVY = ['test/end-to-end/**/*.test.ts', 'test/conformance/**/*.test.ts', 'test/simulation/**/*.test.ts', 'test/attacks/**/*.test.ts', 'test/integration/**/*.test.ts']
/** Milliseconds: nothing here sleeps, so a light test that needs this long hangs. */
const LIGHT_TIMEOUT_MS = 30_000
/** A cold Blender on a busy machine of two cores. Tests that render more say so themselves. */
const HEAVY_TIMEOUT_MS = 180_000

export default defineConfig({
  test: {
    pool: 'forks',
    globals: false,
    passWithNoTests: false,
    dangerouslyIgnoreUnhandledErrors: false,
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
    projects: [
      {
        extends: true,
        test: {
          name: 'light',
          include: ['test/**/*.test.ts'],
          exclude: HEAVY,
          testTimeout: LIGHT_TIMEOUT_MS,
          hookTimeout: HEAVY_TIMEOUT_MS,
          maxWorkers: Math.max(1, availableParallelism()),
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'heavy',
          include: HEAVY,
          testTimeout: HEAVY_TIMEOUT_MS,
          hookTimeout: HEAVY_TIMEOUT_MS,
          maxWorkers: Math.max(1, Math.floor(availableParallelism() / 2)),
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
