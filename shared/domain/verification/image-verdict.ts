// From how far two renders of a task are apart to what that says about them. The verdict is about the
// pair, never about a worker: `refuted` only means that a third render must settle which one is wrong.
//
// The figures come from Cycles on CPUs (400 x 224 px, 64 samples, 46 honest pairs, 31 kinds of cheating). With the
// same kernels (any number of threads) honest pairs are equal bit for bit. With other kernels (AVX2 against SSE) hair
// and volumes are not: 13 % and 8 % of their pixels differ, and the verdict is `refuted`. GPUs and denoisers were not
// measured. So only machines of one kind can settle a dispute.

export interface VerdictMeasures {
  /** T1: percent of pixels whose relative difference is over 1e-2. */
  readonly differingPercent: number
  /** T2: the same within the worst block of 16 x 16 px. */
  readonly worstBlockPercent: number
  /** T3: percent of pixels whose relative difference is over 1e-3. */
  readonly slightlyDifferingPercent: number
  /** Percent of pixels that differ in the worst row or column; lines under 64 px count as if they had 64. */
  readonly worstLinePercent: number
  /** Pixels of the largest spot of pixels that differ and touch. */
  readonly largestSpotPixels: number
  readonly notFinite: { readonly mismatched: number }
}

export type ImageVerdict = 'agreed' | 'grey' | 'refuted'

export type VerdictThresholds = Omit<VerdictMeasures, 'notFinite'>

/**
 * Where thin things begin to count: a stripe of one pixel is 6 % of the blocks it crosses and hardly anything of the
 * whole. Honest pairs with other CPU kernels had at most 0.9 % of a line and spots of one pixel, but for hair and
 * volumes, which other kernels render so differently that the other measures refute them too. A tampered 8 x 8 px is a
 * spot of 64 wherever it lies.
 */
const SHAPES_AGREED_UP_TO = { worstLinePercent: 10, largestSpotPixels: 32 } as const

/** Beyond: half a line, or as many touching pixels as a block has. */
const SHAPES_REFUTED_ABOVE = { worstLinePercent: 50, largestSpotPixels: 255 } as const

/**
 * Up to here two renders agree. Honest pairs with other CPU kernels, but for hair and volumes, stayed below 0.06, 1.6
 * and 2.6, so each bound leaves them a factor of eight or more; no visible cheat stayed below all three.
 */
export const AGREED_UP_TO: VerdictThresholds = {
  differingPercent: 1,
  worstBlockPercent: 12.5,
  slightlyDifferingPercent: 20,
  ...SHAPES_AGREED_UP_TO,
}

/**
 * Beyond any of these two renders contradict each other. Chosen just below what the mildest visible cheats
 * of each kind measured: a third of the light bounces 4.6 and 48, a tampered block of 16 x 16 px 56,
 * nine tenths of the samples 71, a gain of one percent 100. What lies between, such as a tampered
 * 8 x 8 px (25 in its block) or an unmeasured GPU, is grey: rendered again, and nobody is blamed.
 */
export const REFUTED_ABOVE: VerdictThresholds = {
  differingPercent: 4,
  worstBlockPercent: 45,
  slightlyDifferingPercent: 60,
  ...SHAPES_REFUTED_ABOVE,
}

/**
 * The verdict on two renders. A sample that is finite in one only never agrees: a single infinite pixel spoils a
 * whole frame once a blur or glare has passed over it. Measures that are not numbers throw a RangeError.
 */
export function imageVerdict(
  measures: VerdictMeasures,
  agreedUpTo: VerdictThresholds = AGREED_UP_TO,
  refutedAbove: VerdictThresholds = REFUTED_ABOVE,
): ImageVerdict {
  const bounds = Object.keys(AGREED_UP_TO) as (keyof VerdictThresholds)[]
  // NaN is neither above nor below any bound and would slip through as agreement.
  if (!bounds.every((bound) => Number.isFinite(measures[bound]))) {
    throw new RangeError('an image verdict needs finite measures')
  }
  if (isAbove(measures, refutedAbove)) return 'refuted'
  return isAbove(measures, agreedUpTo) || measures.notFinite.mismatched > 0 ? 'grey' : 'agreed'
}

function isAbove(measures: VerdictMeasures, bound: VerdictThresholds): boolean {
  return (
    measures.differingPercent > bound.differingPercent ||
    measures.worstBlockPercent > bound.worstBlockPercent ||
    measures.slightlyDifferingPercent > bound.slightlyDifferingPercent ||
    measures.worstLinePercent > bound.worstLinePercent ||
    measures.largestSpotPixels > bound.largestSpotPixels
  )
}
