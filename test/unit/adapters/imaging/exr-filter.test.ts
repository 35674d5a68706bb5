import { describe, expect, test } from 'vitest'
import { applyFilter, undoFilter } from '../../../../shared/adapters/imaging/exr-filter.ts'
import { noise } from './images.ts'

/** The rearrangement as the format describes it, in its two plain steps. */
function plainFilter(raw: Buffer): Buffer {
  const parted = Buffer.from([...raw.filter((_, at) => at % 2 === 0), ...raw.filter((_, at) => at % 2 === 1)])
  return Buffer.from(parted.map((value, at) => (at === 0 ? value : value - parted[at - 1]! + 128)))
}

describe('the rearrangement before packing', () => {
  test.each([1, 2, 3, 7, 8, 12, 16, 24, 1000, 4096, 4097])(
    'follows the format for %i bytes and is undone',
    (length) => {
      for (const raw of [noise(length), Buffer.alloc(length), Buffer.alloc(length, 255)]) {
        const filtered = Buffer.allocUnsafeSlow(length)
        applyFilter(raw, filtered)
        expect(filtered.equals(plainFilter(raw))).toBe(true)
        expect(undoFilter(filtered).equals(raw)).toBe(true)
      }
    },
  )

  test('does the same with memory that does not begin at a word', () => {
    const raw = Buffer.concat([Buffer.alloc(1), noise(64)]).subarray(1)
    const filtered = Buffer.allocUnsafeSlow(67).subarray(3)
    applyFilter(raw, filtered)
    expect(filtered.equals(plainFilter(raw))).toBe(true)
    expect(undoFilter(filtered).equals(raw)).toBe(true)
  })
})
