import { describe, expect, test } from 'vitest'
import { FAILURES_BEFORE_REST, REST_MAX_MS, REST_MS, WorkerRest } from '../../../../services/coordinator/worker-rest.ts'

const NOW = 1_000_000

function failing(times: number): WorkerRest {
  const rest = new WorkerRest()
  for (let failure = 0; failure < times; failure++) rest.failed(NOW)
  return rest
}

describe('a worker that fails one task after the other', () => {
  test('rests from the third on, longer each time, up to a limit', () => {
    expect(failing(FAILURES_BEFORE_REST - 1).until(NOW)).toBe(undefined)
    expect(failing(FAILURES_BEFORE_REST).until(NOW)).toBe(NOW + REST_MS)
    expect(failing(FAILURES_BEFORE_REST + 2).until(NOW)).toBe(NOW + 4 * REST_MS)
    expect(failing(60).until(NOW)).toBe(NOW + REST_MAX_MS)
  })

  test('is given tasks again when the rest is over', () => {
    expect(failing(FAILURES_BEFORE_REST).until(NOW + REST_MS)).toBe(undefined)
  })

  test('begins anew after a result that was accepted', () => {
    const rest = failing(FAILURES_BEFORE_REST)
    rest.succeeded()
    expect(rest.until(NOW)).toBe(undefined)
    expect(rest.failed(NOW)).toBe(0)
  })
})
