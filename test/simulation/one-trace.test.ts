import { expect, test } from 'vitest'
import { simulate } from './simulate.ts'

/** Another process asks for one trace through the environment (simulate.test.ts); by itself this plays seed 7. */
test('tells the trace of one seed', async () => {
  const { trace } = await simulate(Number(process.env['TRACE_OF_SEED'] ?? 7))
  console.log(`trace ${trace}`)
  expect(trace).toMatch(/^[0-9a-f]{16}$/)
})
