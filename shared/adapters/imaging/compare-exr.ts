// How far apart two renders of the same thing are. With one seed, the noise of a path tracer is a
// fingerprint: honest machines agree almost everywhere, fewer samples or another seed move nearly every
// pixel. So pixels are compared as linear floats, relatively, and counted; averages would hide it.

import type { ExrChannelKind } from './exr-channel-kind.ts'
import { groupsOf } from './compare-groups.ts'
import type { GroupComparison, NonFiniteTotals } from './compare-groups.ts'
import type { DifferenceShares } from './compare-blocks.ts'
import { eachRowOfPair, openPair, shapeDifference } from './compare-exr-rows.ts'
import type { ComparisonRefusal } from './compare-exr-rows.ts'

export type { ComparisonRefusal } from './compare-exr-rows.ts'

interface GroupMeasures extends DifferenceShares {
  /** The layer and pass of color channels (empty for a plain RGBA file), the name of any other channel. */
  readonly group: string
  readonly kind: ExrChannelKind
  /** The largest relative difference of any pixel; infinite where a sample is finite in one file only. */
  readonly worstDifference: number
}

/** The worst of all groups, measure by measure, and what each group had. Percentages are 0 to 100. */
export interface ImageMeasures extends DifferenceShares {
  readonly ok: true
  readonly width: number
  readonly height: number
  readonly worstDifference: number
  /** NaN and infinite samples, over all channels. */
  readonly notFinite: NonFiniteTotals
  readonly groups: readonly GroupMeasures[]
}

/**
 * Compares two scanline EXR files over all channels of all layers; memory stays bounded by a few bands of rows. Where a
 * file cannot be read, or sizes, windows or channels differ, the refusal says which and why. Errors of the disk are
 * thrown.
 */
export async function compareExr(pathA: string, pathB: string): Promise<ImageMeasures | ComparisonRefusal> {
  const pair = await openPair(pathA, pathB)
  if (!pair.ok) return pair
  const { a, b } = pair
  try {
    const difference = shapeDifference(a.header, b.header)
    if (difference !== undefined) return difference
    const groups = groupsOf(a.header)
    const damaged = await eachRowOfPair(a, b, (_, bytesA, rowA, bytesB, rowB) => {
      for (const group of groups) group.addRow(bytesA, rowA, bytesB, rowB)
      return true
    })
    return damaged ?? summarize(groups, a.header.width, a.header.height)
  } finally {
    await Promise.all([a.close(), b.close()])
  }
}

function summarize(groups: readonly GroupComparison[], width: number, height: number): ImageMeasures {
  const measures = groups.map((group) => ({
    group: group.name,
    kind: group.kind,
    worstDifference: group.worstDifference,
    ...group.count.shares(),
  }))
  const worst = (of: (group: GroupMeasures) => number): number => Math.max(...measures.map(of))
  const total = (of: (totals: NonFiniteTotals) => number): number =>
    groups.reduce((sum, group) => sum + of(group.notFinite), 0)
  return {
    ok: true,
    width,
    height,
    differingPercent: worst((group) => group.differingPercent),
    worstBlockPercent: worst((group) => group.worstBlockPercent),
    slightlyDifferingPercent: worst((group) => group.slightlyDifferingPercent),
    worstLinePercent: worst((group) => group.worstLinePercent),
    largestSpotPixels: worst((group) => group.largestSpotPixels),
    worstDifference: worst((group) => group.worstDifference),
    notFinite: { a: total((each) => each.a), b: total((each) => each.b), mismatched: total((each) => each.mismatched) },
    groups: measures,
  }
}
