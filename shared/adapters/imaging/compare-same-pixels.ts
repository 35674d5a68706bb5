// Are two images the same, bit for bit? The question of the first promise; a verdict on two honest
// machines asks `compareExr` instead.

import { compareDisplayImages } from './compare-display.ts'
import type { DisplayRefusal } from './compare-display.ts'
import { eachRowOfPair, openPair, shapeDifference } from './compare-exr-rows.ts'
import type { ComparisonRefusal } from './compare-exr-rows.ts'
import { isExr } from './exr-check.ts'

export type Sameness =
  | { readonly ok: true; readonly same: true }
  | { readonly ok: true; readonly same: false; readonly reason: string }

/**
 * Whether two files hold bit-identical pixels in the same channels: two scanline EXR files (compression and
 * other attributes may differ) or two display images. A file that cannot be read is refused; shapes that differ are not
 * the same.
 */
export async function samePixels(pathA: string, pathB: string): Promise<Sameness | ComparisonRefusal | DisplayRefusal> {
  const [exrA, exrB] = [await isExr(pathA), await isExr(pathB)]
  if (exrA !== exrB) return { ok: true, same: false, reason: 'one file is an EXR, the other is not' }
  return exrA ? sameExr(pathA, pathB) : sameDisplay(pathA, pathB)
}

async function sameExr(pathA: string, pathB: string): Promise<Sameness | ComparisonRefusal> {
  const pair = await openPair(pathA, pathB)
  if (!pair.ok) return pair
  const { a, b } = pair
  try {
    const shape = shapeDifference(a.header, b.header)
    if (shape !== undefined) return { ok: true, same: false, reason: shape.message }
    const { rowBytes } = a.header
    let firstDifferingRow: number | undefined
    const damaged = await eachRowOfPair(a, b, (y, bytesA, rowA, bytesB, rowB) => {
      if (bytesA.compare(bytesB, rowB, rowB + rowBytes, rowA, rowA + rowBytes) === 0) return true
      firstDifferingRow = y
      return false
    })
    if (damaged !== undefined) return damaged
    if (firstDifferingRow === undefined) return { ok: true, same: true }
    return { ok: true, same: false, reason: `row ${firstDifferingRow} is the first that differs` }
  } finally {
    await Promise.all([a.close(), b.close()])
  }
}

async function sameDisplay(pathA: string, pathB: string): Promise<Sameness | DisplayRefusal> {
  const measures = await compareDisplayImages(pathA, pathB)
  if (!measures.ok) return measures.file === 'both' ? { ok: true, same: false, reason: measures.message } : measures
  if (measures.differenceMax === 0) return { ok: true, same: true }
  return {
    ok: true,
    same: false,
    reason: `${measures.differingPercent} % of the samples differ, by up to ${measures.differenceMax}`,
  }
}
