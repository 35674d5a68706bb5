/**
 * Shares of visibly different samples of an 8-bit image. Measured on honest runs of other CPU kernels: 0.02 %; on 58
 * samples instead of 64: 15.6 %. Between the two limits nobody is blamed and a third worker is asked.
 */
const VISIBLE_AGREED_PERCENT = 0.5
const VISIBLE_REFUTED_PERCENT = 4

/**
 * What stands in one place weighs little in a share of all samples: an opaque box of 101 x 101 px is 0.49 % of 1080p.
 * Honest runs of other CPU kernels had at most 23 % of a block, 4 % of a line and spots of 18 px, as JPEG; one pixel
 * that differs can move a whole coding unit of JPEG or WebP, 16 x 16 px, and where four meet all of them. So a block
 * alone never refutes, and a spot only when it is larger than four units.
 */
const AGREED_UP_TO = { worstBlockPercent: 50, worstLinePercent: 10, largestSpotPixels: 64 } as const
const REFUTED_ABOVE = { worstLinePercent: 50, largestSpotPixels: 4 * 16 * 16 } as const

/** How far two display images are apart; percentages are 0 to 100. */
export interface DisplayDifference {
  /** Samples that differ by more than two steps of 255. */
  readonly visiblyDifferingPercent: number
  /** Pixels that do, in the block of 16 x 16 where most do. */
  readonly worstBlockPercent: number
  /** Pixels that do, in the row or column where most do. */
  readonly worstLinePercent: number
  /** Pixels of the largest spot of pixels that do and touch. */
  readonly largestSpotPixels: number
}

export function displayVerdict(measures: DisplayDifference): 'agreed' | 'grey' | 'refuted' {
  const { visiblyDifferingPercent, worstBlockPercent, worstLinePercent, largestSpotPixels } = measures
  if (
    visiblyDifferingPercent > VISIBLE_REFUTED_PERCENT ||
    worstLinePercent > REFUTED_ABOVE.worstLinePercent ||
    largestSpotPixels > REFUTED_ABOVE.largestSpotPixels
  )
    return 'refuted'
  const agreed =
    visiblyDifferingPercent <= VISIBLE_AGREED_PERCENT &&
    worstBlockPercent <= AGREED_UP_TO.worstBlockPercent &&
    worstLinePercent <= AGREED_UP_TO.worstLinePercent &&
    largestSpotPixels <= AGREED_UP_TO.largestSpotPixels
  return agreed ? 'agreed' : 'grey'
}

/** The worst of several verdicts on parts of one result. */
export function worstVerdict(verdicts: readonly ('agreed' | 'grey' | 'refuted')[]): 'agreed' | 'grey' | 'refuted' {
  if (verdicts.includes('refuted')) return 'refuted'
  return verdicts.includes('grey') ? 'grey' : 'agreed'
}
