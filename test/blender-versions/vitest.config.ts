import { defineConfig } from 'vitest/config'

/** Tests that need another Blender than Debian's; TILEWORK_TEST_BLENDER names it. */
export default defineConfig({
  test: {
    pool: 'forks',
    globals: false,
    root: new URL('../..', import.meta.url).pathname,
    include: ['test/blender-versions/**/*.spec.ts'],
    maxWorkers: 1,
  },
})
