import { type Refusal, refuse } from '../../protocol/errors.ts'
import type { JobPlan } from '../../protocol/job.ts'
import type { PixelRectangle } from '../../protocol/render-settings.ts'

export interface TileGrid {
  readonly columns: number
  readonly rows: number
  /** Pixels rendered beyond each inner edge and cut off when stitching. */
  readonly overscanPx: number
}

export interface Tile {
  /** The pixels it stands for, origin top left of what is rendered: the stitched image. */
  readonly placement: PixelRectangle
  /** The pixels to render: the placement and its overscan, clamped to what is rendered. */
  readonly window: PixelRectangle
  /** What to cut off the rendered window at its left and top. */
  readonly crop: { readonly left: number; readonly top: number }
}

interface PixelSize {
  readonly width: number
  readonly height: number
}

/**
 * Tile `index` (row by row from the top left) of an image. Uneven sizes differ by one pixel at most; together they
 * cover it exactly.
 */
export function tileAt(width: number, height: number, grid: TileGrid, index: number): Tile {
  const column = index % grid.columns
  const row = Math.floor(index / grid.columns)
  const left = edge(width, grid.columns, column)
  const right = edge(width, grid.columns, column + 1)
  const top = edge(height, grid.rows, row)
  const bottom = edge(height, grid.rows, row + 1)
  const windowLeft = Math.max(0, left - grid.overscanPx)
  const windowTop = Math.max(0, top - grid.overscanPx)
  const windowRight = Math.min(width, right + grid.overscanPx)
  const windowBottom = Math.min(height, bottom + grid.overscanPx)
  return {
    placement: { x: left, y: top, width: right - left, height: bottom - top },
    window: { x: windowLeft, y: windowTop, width: windowRight - windowLeft, height: windowBottom - windowTop },
    crop: { left: left - windowLeft, top: top - windowTop },
  }
}

function edge(size: number, parts: number, index: number): number {
  return Math.floor((size * index) / parts)
}

/**
 * Tile `index` of a job's frames: placed in the stitched image, with the window to render in pixels of the whole image.
 */
export function tileOfPlan(plan: Pick<JobPlan, 'width' | 'height' | 'region'>, grid: TileGrid, index: number): Tile {
  const { width, height } = stitchedSize(plan)
  const tile = tileAt(width, height, grid, index)
  const { x, y } = plan.region ?? { x: 0, y: 0 }
  return { ...tile, window: { ...tile.window, x: tile.window.x + x, y: tile.window.y + y } }
}

/** Pixels of the stitched image of a frame: the render region where the artist set one. */
export function stitchedSize(plan: Pick<JobPlan, 'width' | 'height' | 'region'>): PixelSize {
  return sizeOnly(plan.region ?? plan)
}

function sizeOnly({ width, height }: PixelSize): PixelSize {
  return { width, height }
}

/**
 * Sizes that an image of the plan may have, a tile or a whole frame, the usual one first: of several views an artist
 * may want two side by side, or one above the other.
 */
export function sizesOf(
  plan: Pick<JobPlan, 'width' | 'height' | 'region' | 'tiles' | 'stereo'>,
  tile?: number,
): readonly PixelSize[] {
  if (tile !== undefined && plan.tiles !== undefined) return [sizeOnly(tileOfPlan(plan, plan.tiles, tile).window)]
  const { width, height } = plan
  const usual = { width, height }
  return plan.stereo === true ? [usual, { width: width * 2, height }, { width, height: height * 2 }] : [usual]
}

/** Refused with `tiles_invalid` when a tile would have no pixel. */
export function checkGrid(
  width: number,
  height: number,
  grid: { columns: number; rows: number },
): { ok: true } | Refusal {
  if (grid.columns > width || grid.rows > height) {
    return refuse(
      'tiles_invalid',
      `tiles: ${grid.columns}x${grid.rows} tiles do not fit into ${width}x${height} ` +
        'pixels; every tile needs at least one pixel',
    )
  }
  return { ok: true }
}
