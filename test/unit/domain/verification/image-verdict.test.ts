import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AGREED_UP_TO, REFUTED_ABOVE, imageVerdict } from '../../../../shared/domain/verification/image-verdict.ts'
import type { ImageVerdict, VerdictMeasures } from '../../../../shared/domain/verification/image-verdict.ts'

const measures = (t1: number, t2: number, t3: number, mismatched = 0, line = 0, spot = 0): VerdictMeasures => ({
  differingPercent: t1,
  worstBlockPercent: t2,
  slightlyDifferingPercent: t3,
  worstLinePercent: line,
  largestSpotPixels: spot,
  notFinite: { mismatched },
})

describe('the verdict on two renders', () => {
  test.each<[string, ImageVerdict, VerdictMeasures]>([
    ['the same machine again', 'agreed', measures(0.003, 0.39, 0.01)],
    ['other CPU kernels', 'agreed', measures(0.06, 1.6, 0.78)],
    ['a volume on other CPU kernels', 'agreed', measures(0.03, 0.78, 2.6)],
    ['58 of 64 samples', 'refuted', measures(60, 100, 71)],
    ['another seed', 'refuted', measures(68, 100, 71)],
    ['the frame before', 'refuted', measures(15, 99.6, 25)],
    ['a third of the bounces', 'refuted', measures(4.6, 48, 8.3)],
    ['a tampered block of 16 x 16 px', 'refuted', measures(0.29, 56, 0.29)],
    ['a gain of one percent', 'refuted', measures(0, 0, 100)],
    ['a tampered 8 x 8 px', 'grey', measures(0.07, 25, 0.07)],
    ['a tampered 8 x 8 px where four blocks meet', 'grey', measures(0.07, 6.25, 0.07, 0, 3.6, 64)],
    ['a stripe of one pixel from top to bottom', 'refuted', measures(0.25, 6.25, 0.25, 0, 100, 224)],
    ['a thin slanted line', 'refuted', measures(0.25, 6.25, 0.25, 0, 0.25, 400)],
  ])('%s: %s', (_, verdict, measured) => {
    expect(imageVerdict(measured)).toBe(verdict)
  })

  test('on the bounds is still agreed, and still grey', () => {
    expect(imageVerdict({ ...AGREED_UP_TO, notFinite: { mismatched: 0 } })).toBe('agreed')
    expect(imageVerdict({ ...REFUTED_ABOVE, notFinite: { mismatched: 0 } })).toBe('grey')
  })

  test('is never agreed when a sample is finite in one render only', () => {
    expect(imageVerdict(measures(0, 0, 0, 1))).toBe('grey')
    expect(imageVerdict(measures(60, 100, 71, 1))).toBe('refuted')
  })

  test('is not given on measures that are no numbers', () => {
    for (const bad of [measures(NaN, 0, 0), measures(0, NaN, 0), measures(0, 0, Infinity), measures(0, 0, 0, 0, NaN)])
      expect(() => imageVerdict(bad)).toThrow(RangeError)
  })

  test('never gets milder as a measure grows', () => {
    const severity: Record<ImageVerdict, number> = { agreed: 0, grey: 1, refuted: 2 }
    const percent = fc.double({ min: 0, max: 100, noNaN: true })
    fc.assert(
      fc.property(percent, percent, percent, percent, percent, percent, (a, b, c, d, e, f) => {
        const smaller = measures(Math.min(a, d), Math.min(b, e), Math.min(c, f))
        const larger = measures(Math.max(a, d), Math.max(b, e), Math.max(c, f))
        expect(severity[imageVerdict(larger)]).toBeGreaterThanOrEqual(severity[imageVerdict(smaller)])
      }),
    )
  })
})
