import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** Start Blender, an S3 server or the command in processes of its own. */
const HEAVY = [
  'test/end-to-end/**/*.test.ts',
  'test/conformance/object-store.s3.test.ts',
  'test/integration/{cli/quickstart,docker/health,worker/with-blender}.test.ts',
  'test/unit/**/*-blender.test.ts',
]
/**
 * Take a core for minutes, or a Redis and a coordinator for seconds. Engines in memory (test/integration/engine) are
 * light.
 */
const MIDDLE = [
  'test/simulation/**/*.test.ts',
  'test/conformance/**/!(*.memory|*.directory).test.ts',
  'test/integration/!(engine)/**/*.test.ts',
  'test/integration/*.test.ts',
]
/** Milliseconds: nothing here sleeps, so a light test that needs this long hangs. */
const LIGHT_TIMEOUT_MS = 30_000
/** A cold Blender on a busy machine of two cores. Tests that render more say so themselves. */
const HEAVY_TIMEOUT_MS = 180_000
const CORES = availableParallelism()

/** The files that take longest, the slowest first: one that starts last would run alone at the end. */
const LONG = [
  'driver-exactness',
  'keyed-settings',
  'mutants',
  'simulate',
  'failures',
  'driver-commands',
  'inspect',
  'farm',
  'driver-compositor',
  'driver-samples',
  'driver-files',
  'scale-out',
  'bad-workers',
  'recover',
  'sample-ranges',
  'object-store.s3',
  'quickstart',
  'fuzz',
]

/** The order of the files of a run, the same on a machine that has never run them. */
class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return (await super.sort(files)).toSorted((a, b) => placeOf(a.moduleId) - placeOf(b.moduleId))
  }
}

function placeOf(path: string): number {
  const place = LONG.findIndex((name) => path.endsWith(`/${name}.test.ts`))
  return place === -1 ? LONG.length : place
}

export default defineConfig({
  test: {
    pool: 'forks',
    globals: false,
    passWithNoTests: false,
    dangerouslyIgnoreUnhandledErrors: false,
    env: { AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED: 'true' },
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        extends: true,
        test: {
          name: 'light',
          include: ['test/**/*.test.ts'],
          exclude: [...MIDDLE, ...HEAVY],
          testTimeout: LIGHT_TIMEOUT_MS,
          hookTimeout: HEAVY_TIMEOUT_MS,
          // One process for many files: loading the same modules for each took longer than the tests.
          isolate: false,
          maxWorkers: CORES,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        test: {
          name: 'middle',
          include: MIDDLE,
          exclude: HEAVY,
          testTimeout: HEAVY_TIMEOUT_MS,
          hookTimeout: HEAVY_TIMEOUT_MS,
          maxWorkers: CORES,
          sequence: { groupOrder: 1 },
        },
      },
      {
        extends: true,
        test: {
          name: 'heavy',
          include: HEAVY,
          testTimeout: HEAVY_TIMEOUT_MS,
          hookTimeout: HEAVY_TIMEOUT_MS,
          // Half of the time such a test waits: for a lease to run out, for a Blender to start, for a process to end.
          maxWorkers: Math.max(2, Math.floor(CORES / 2)),
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
})
