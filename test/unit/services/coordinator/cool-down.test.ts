import { describe, expect, test } from 'vitest'
import {
  FAILURES_BEFORE_COOL_DOWN,
  COOL_DOWN_MAX_MS,
  COOL_DOWN_MS,
  CoolDown,
} from '../../../../services/coordinator/cool-down.ts'
import { Sha256 } from '../../../../shared/protocol/ids.ts'

const NOW = 1_000_000
const [CRASHES, OTHER] = ['a', 'b'].map((letter) => Sha256.parse(letter.repeat(64))) as [Sha256, Sha256]

function failing(times: number, scene = CRASHES, coolDown = new CoolDown()): CoolDown {
  for (let failure = 0; failure < times; failure++) coolDown.failed(scene, NOW)
  return coolDown
}

describe('a worker that fails one task of a scene after the other', () => {
  test('gets none of it from the third on, longer each time, up to a limit', () => {
    expect(failing(FAILURES_BEFORE_COOL_DOWN - 1).untilOf(CRASHES, NOW)).toBe(undefined)
    expect(failing(FAILURES_BEFORE_COOL_DOWN).untilOf(CRASHES, NOW)).toBe(NOW + COOL_DOWN_MS)
    expect(failing(FAILURES_BEFORE_COOL_DOWN + 2).untilOf(CRASHES, NOW)).toBe(NOW + 4 * COOL_DOWN_MS)
    expect(failing(60).untilOf(CRASHES, NOW)).toBe(NOW + COOL_DOWN_MAX_MS)
  })

  test('goes on with other scenes all the while', () => {
    const coolDown = failing(60)
    expect(coolDown.until(NOW)).toBe(undefined)
    expect(coolDown.untilOf(OTHER, NOW)).toBe(undefined)
    expect(coolDown.scenes(NOW)).toEqual([{ scene: CRASHES, until: NOW + COOL_DOWN_MAX_MS }])
  })

  test('is given it again when that time is over', () => {
    expect(failing(FAILURES_BEFORE_COOL_DOWN).untilOf(CRASHES, NOW + COOL_DOWN_MS)).toBe(undefined)
  })

  test('begins anew after a result of it that was accepted, and not after one of another scene', () => {
    const coolDown = failing(FAILURES_BEFORE_COOL_DOWN)
    coolDown.succeeded(OTHER)
    expect(coolDown.untilOf(CRASHES, NOW)).toBe(NOW + COOL_DOWN_MS)
    coolDown.succeeded(CRASHES)
    expect(coolDown.untilOf(CRASHES, NOW)).toBe(undefined)
    expect(coolDown.failed(CRASHES, NOW)).toBe(undefined)
  })
})

describe('a worker on which several scenes fail', () => {
  test('gets no tasks at all from the third failure in a row on', () => {
    const coolDown = failing(1, OTHER, failing(2))
    expect(coolDown.until(NOW)).toBe(NOW + COOL_DOWN_MS)
    expect(coolDown.failed(OTHER, NOW)).toEqual({ of: 'machine', ms: 2 * COOL_DOWN_MS })
  })

  test('is no broken machine when it rendered something between', () => {
    const coolDown = failing(2)
    coolDown.succeeded(OTHER)
    expect(failing(2, OTHER, coolDown).until(NOW)).toBe(undefined)
  })
})
