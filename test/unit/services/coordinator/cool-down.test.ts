import { describe, expect, test } from 'vitest'
import {
  FAILURES_BEFORE_COOL_DOWN,
  COOL_DOWN_MAX_MS,
  COOL_DOWN_MS,
  CoolDown,
} from '../../../../services/coordinator/cool-down.ts'

const NOW = 1_000_000

function failing(times: number): CoolDown {
  const coolDown = new CoolDown()
  for (let failure = 0; failure < times; failure++) coolDown.failed(NOW)
  return coolDown
}

describe('a worker that fails one task after the other', () => {
  test('gets no tasks from the third on, longer each time, up to a limit', () => {
    expect(failing(FAILURES_BEFORE_COOL_DOWN - 1).until(NOW)).toBe(undefined)
    expect(failing(FAILURES_BEFORE_COOL_DOWN).until(NOW)).toBe(NOW + COOL_DOWN_MS)
    expect(failing(FAILURES_BEFORE_COOL_DOWN + 2).until(NOW)).toBe(NOW + 4 * COOL_DOWN_MS)
    expect(failing(60).until(NOW)).toBe(NOW + COOL_DOWN_MAX_MS)
  })

  test('is given tasks again when that time is over', () => {
    expect(failing(FAILURES_BEFORE_COOL_DOWN).until(NOW + COOL_DOWN_MS)).toBe(undefined)
  })

  test('begins anew after a result that was accepted', () => {
    const coolDown = failing(FAILURES_BEFORE_COOL_DOWN)
    coolDown.succeeded()
    expect(coolDown.until(NOW)).toBe(undefined)
    expect(coolDown.failed(NOW)).toBe(0)
  })
})
