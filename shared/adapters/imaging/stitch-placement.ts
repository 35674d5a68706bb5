// Do the tiles cover the frame, each pixel exactly once? Decided from the rectangles alone, before a
// file is opened.

export interface PixelRect {
  readonly x: number
  readonly y: number
  readonly width: number
  readonly height: number
}

export interface PixelSize {
  readonly width: number
  readonly height: number
}

export type PlacementRefusalCode = 'no_tiles' | 'too_many_tiles' | 'outside_frame' | 'overlap' | 'hole'

/** Every pair of tiles is compared: this many take about a tenth of a second. */
const STITCH_TILES_MAX = 16_384

export type PlacementCheck =
  | { readonly ok: true }
  | {
      readonly ok: false
      readonly code: PlacementRefusalCode
      readonly message: string
    }

/** Whether the rectangles (top-left origin, px) cover the frame without hole or overlap. */
export function checkPlacements(rects: readonly PixelRect[], full: PixelSize): PlacementCheck {
  if (rects.length === 0) return { ok: false, code: 'no_tiles', message: 'there are no tiles to stitch' }
  if (rects.length > STITCH_TILES_MAX) {
    return {
      ok: false,
      code: 'too_many_tiles',
      message: `${rects.length} tiles; at most ${STITCH_TILES_MAX} are stitched`,
    }
  }
  for (const rect of rects) {
    const numbers = [rect.x, rect.y, rect.width, rect.height]
    if (
      !numbers.every(Number.isSafeInteger) ||
      rect.x < 0 ||
      rect.y < 0 ||
      rect.width < 1 ||
      rect.height < 1 ||
      rect.x + rect.width > full.width ||
      rect.y + rect.height > full.height
    ) {
      return {
        ok: false,
        code: 'outside_frame',
        message: `the tile at ${say(rect)} does not lie within ${full.width} x ${full.height} px`,
      }
    }
  }
  const byTop = rects.toSorted((a, b) => a.y - b.y)
  for (const [at, upper] of byTop.entries()) {
    for (let next = at + 1; next < byTop.length; next += 1) {
      const lower = byTop[next]
      if (lower === undefined || lower.y >= upper.y + upper.height) break
      if (lower.x < upper.x + upper.width && upper.x < lower.x + lower.width) {
        return { ok: false, code: 'overlap', message: `the tiles at ${say(upper)} and ${say(lower)} overlap` }
      }
    }
  }
  const covered = rects.reduce((sum, rect) => sum + rect.width * rect.height, 0)
  if (covered === full.width * full.height) return { ok: true }
  const gap = firstGap(rects, full)
  return {
    ok: false,
    code: 'hole',
    message:
      `${full.width * full.height - covered} px of ${full.width} x ${full.height} ` +
      `are in no tile, the first at (${gap.x}, ${gap.y})`,
  }
}

/** The topmost, leftmost pixel that no rectangle covers; the coverage can only change where one begins or ends. */
function firstGap(rects: readonly PixelRect[], full: PixelSize): { readonly x: number; readonly y: number } {
  const rows = [...new Set([0, ...rects.map((rect) => rect.y), ...rects.map((rect) => rect.y + rect.height)])].toSorted(
    (a, b) => a - b,
  )
  for (const y of rows) {
    if (y >= full.height) break
    let x = 0
    for (const rect of rects.filter((each) => each.y <= y && y < each.y + each.height).toSorted((a, b) => a.x - b.x)) {
      if (rect.x > x) break
      x = rect.x + rect.width
    }
    if (x < full.width) return { x, y }
  }
  throw new Error('the rectangles cover the frame, there is no gap to name')
}

function say(rect: PixelRect): string {
  return `(${rect.x}, ${rect.y}) of ${rect.width} x ${rect.height} px`
}
