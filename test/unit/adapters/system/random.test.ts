import { expect, it } from 'vitest'
import { SystemRandom } from '../../../../shared/adapters/system/random.ts'

it('gives numbers from 0 to below 1 that lie all over, and bytes that differ', () => {
  const random = new SystemRandom()
  const numbers = Array.from({ length: 10_000 }, () => random.float())
  expect(Math.min(...numbers)).toBeGreaterThanOrEqual(0)
  expect(Math.max(...numbers)).toBeLessThan(1)
  const mean = numbers.reduce((sum, number) => sum + number, 0) / numbers.length
  // ten standard deviations of the mean of 10,000
  expect(Math.abs(mean - 0.5)).toBeLessThan(0.03)
  expect(random.bytes(16)).toHaveLength(16)
  expect(random.bytes(16)).not.toEqual(random.bytes(16))
  expect(random.bytes(0)).toHaveLength(0)
})
