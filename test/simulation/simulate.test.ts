import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { REGRESSIONS } from './regressions.ts'
import { simulate } from './simulate.ts'

const SEEDS = 300
/** Seeds in one test, so that a failure is told soon. */
const BLOCK = 25

describe('a farm under every weather keeps its promises', () => {
  test.each(Array.from({ length: SEEDS / BLOCK }, (_, block) => block * BLOCK))(
    'seeds from %i',
    async (first) => {
      for (let seed = first; seed < first + BLOCK; seed++) await playAndExpectNothingWrong(seed)
    },
    120_000,
  )

  test.each(REGRESSIONS)('seed $seed, which once found: $found', async ({ seed }) => playAndExpectNothingWrong(seed))
})

describe('a seed', () => {
  test('plays the same way every time, with or without somebody reading along', async () => {
    for (const seed of [3, 12]) {
      const [once, again, read] = [
        await simulate(seed),
        await simulate(seed),
        await simulate(seed, { keepTrace: true }),
      ]
      expect(again.trace).toBe(once.trace)
      expect(read.trace).toBe(once.trace)
      expect(read.lines.length).toBeGreaterThan(100)
    }
  })

  test('plays the same way in another process', async () => {
    const other = execFileSync(
      process.execPath,
      [
        join(ROOT, 'node_modules/vitest/vitest.mjs'),
        'run',
        'test/simulation/one-trace.test.ts',
        '--project',
        'middle',
        '--reporter=verbose',
      ],
      {
        cwd: ROOT,
        encoding: 'utf8',
        env: { ...process.env, VITEST: undefined, TRACE_OF_SEED: '7' },
        stdio: ['ignore', 'pipe', 'pipe'],
      },
    )
    expect(other).toContain(`trace ${(await simulate(7)).trace}`)
  })

  test('differs from another seed', async () => {
    expect((await simulate(3)).trace).not.toBe((await simulate(4)).trace)
  })
})

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

async function playAndExpectNothingWrong(seed: number): Promise<void> {
  const { failures } = await simulate(seed)
  expect(failures, `npm run simulate -- --seed ${seed}`).toEqual([])
}
