import type { Region } from '../../fixtures/driver/lab.ts'

/** A way to cut a frame up. Grids are made of the rendered region, so that they fit any scene. */
export interface TileSplit {
  readonly name: string
  readonly grid: (region: Region) => { readonly columns: number; readonly rows: number }
  /** Whether every other tile comes from a second Blender with another count of threads. */
  readonly twoWorkers: boolean
}

/** One pixel each needs a task for every pixel; beyond this the strips are higher. */
const TILES_MAX = 60

const tiles = (name: string, columns: number, rows: number, twoWorkers = false): TileSplit => ({
  name,
  grid: (region) => ({ columns: Math.min(columns, region.width), rows: Math.min(rows, region.height) }),
  twoWorkers,
})

export const QUARTERS = tiles('2x2', 2, 2)

/** Beyond the frame and 2x2 each scene gets the next of these. */
export const ROTATED: readonly TileSplit[] = [
  tiles('3x5', 3, 5),
  tiles('2x2, two workers, 1 and 2 threads', 2, 2, true),
  { name: 'strips of 1xN', grid: (region) => ({ columns: 1, rows: Math.min(17, region.height) }), twoWorkers: false },
  { name: 'strips of Nx1', grid: (region) => ({ columns: Math.min(23, region.width), rows: 1 }), twoWorkers: false },
]

/** Tiles of one pixel where the image is small enough, else of one row. */
export const SMALLEST: TileSplit = {
  name: 'tiles of 1 px',
  grid: (region) =>
    region.width * region.height <= TILES_MAX
      ? { columns: region.width, rows: region.height }
      : { columns: 1, rows: Math.min(region.height, TILES_MAX) },
  twoWorkers: false,
}
