import type { PixelRectangle } from '../../protocol/render-settings.ts'
import type { SceneBorder } from '../../protocol/scene-facts.ts'

/**
 * The pixels that Blender renders of a width x height image for a render region, origin top left, by Blender's own
 * arithmetic: single precision, cut off. Either side may come out as 0 or less, and then Blender renders nothing.
 */
export function regionOf(border: SceneBorder, width: number, height: number): PixelRectangle {
  const [left, right] = [pixel(border.xMin, width), pixel(border.xMax, width)]
  const [bottom, top] = [pixel(border.yMin, height), pixel(border.yMax, height)]
  return { x: left, y: height - top, width: right - left, height: top - bottom }
}

/** Interface and scripts keep edges between 0 and 1; what a damaged file has beyond is no pixel. */
function pixel(edge: number, size: number): number {
  return Math.min(size, Math.max(0, Math.trunc(Math.fround(Math.fround(edge) * size))))
}
