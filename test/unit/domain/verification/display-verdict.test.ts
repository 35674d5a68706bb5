import { describe, expect, test } from 'vitest'
import { displayVerdict } from '../../../../shared/domain/verification/display-verdict.ts'

const measures = (visibly: number, block: number, line: number, spot: number) => ({
  visiblyDifferingPercent: visibly,
  worstBlockPercent: block,
  worstLinePercent: line,
  largestSpotPixels: spot,
})

describe('the verdict on two display images', () => {
  test.each<['agreed' | 'grey' | 'refuted', string, ReturnType<typeof measures>]>([
    ['agreed', 'the same machine again', measures(0, 0, 0, 0)],
    ['agreed', 'other CPU kernels, as JPEG', measures(0.027, 23, 3.6, 18)],
    ['grey', 'one pixel that moves a whole unit of JPEG', measures(0.01, 100, 0.8, 256)],
    ['refuted', 'an opaque box of 101 x 101 px in 1080p', measures(0.49, 100, 9.4, 10_201)],
    ['refuted', 'a stripe of one pixel from top to bottom', measures(0.05, 6.25, 100, 1080)],
    ['refuted', '58 of 64 samples', measures(15.6, 60, 30, 40)],
  ])('%s: %s', (verdict, _, measured) => {
    expect(displayVerdict(measured)).toBe(verdict)
  })
})
