import fc from 'fast-check'
import { expect, test } from 'vitest'
import { backoffDelayMs, overloadedDelayMs, RECONNECT_BACKOFF } from '../../../../blender-worker/session/backoff.ts'

test('the ceiling of the wait doubles with each try until the cap', () => {
  const almostOne = 1 - Number.EPSILON
  const ceilings = [0, 1, 2, 3, 4, 5, 6, 7, 1_000_000].map(
    (tryNumber) => backoffDelayMs(tryNumber, RECONNECT_BACKOFF, almostOne) + 1,
  )
  expect(ceilings).toEqual([500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000])
})

test('every wait between nothing and the ceiling can come up, so that workers spread', () => {
  expect(backoffDelayMs(3, RECONNECT_BACKOFF, 0)).toBe(0)
  expect(backoffDelayMs(3, RECONNECT_BACKOFF, 0.5)).toBe(2_000)
  fc.assert(
    fc.property(fc.nat(), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (tryNumber, random) => {
      const delayMs = backoffDelayMs(tryNumber, RECONNECT_BACKOFF, random)
      return delayMs >= 0 && delayMs <= RECONNECT_BACKOFF.capMs
    }),
  )
})

test('an overloaded coordinator is left alone for at least half of the cap', () => {
  expect(overloadedDelayMs(RECONNECT_BACKOFF, 0)).toBe(15_000)
  expect(overloadedDelayMs(RECONNECT_BACKOFF, 0.999)).toBe(29_985)
})
