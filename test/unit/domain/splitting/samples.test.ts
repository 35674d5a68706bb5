import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { splitSamples } from '../../../../shared/domain/splitting/samples.ts'

describe('samples that are split', () => {
  test('follow one another without a gap, and are all of them', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100_000 }), fc.integer({ min: 1, max: 500 }), (total, wanted) => {
        const split = splitSamples(total, Math.min(total, wanted))
        if (!split.ok) throw new Error(split.detail)
        let next = 0
        for (const { offset, count } of split.value) {
          expect(offset).toBe(next)
          next += count
        }
        expect(next).toBe(total)
      }),
    )
  })

  test('differ by one sample at most', () => {
    expect(splitSamples(10, 4)).toEqual({
      ok: true,
      value: [
        { offset: 0, count: 2 },
        { offset: 2, count: 3 },
        { offset: 5, count: 2 },
        { offset: 7, count: 3 },
      ],
    })
    expect(splitSamples(7, 1)).toEqual({ ok: true, value: [{ offset: 0, count: 7 }] })
  })

  test.each([
    [4, 5],
    [4, 0],
    [4, 1.5],
    [0, 1],
    [Number.NaN, 2],
  ])('%d samples in %d parts are refused', (total, parts) => {
    expect(splitSamples(total, parts)).toMatchObject({ ok: false, code: 'samples_invalid' })
  })
})
