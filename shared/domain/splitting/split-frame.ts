import { type Refusal, refuse } from '../../protocol/errors.ts'
import type { JobPlan, JobRequest } from '../../protocol/job.ts'
import type { SceneSettings } from '../../protocol/scene-facts.ts'
import { rangeObstacles, rangesOf, refuseRanges, samplesPerPixel } from './sample-rules.ts'
import { RANGES_INEXACT } from './samples.ts'
import { overscanFor, tileObstacles } from './tile-rules.ts'
import { checkGrid } from './tiles.ts'

/** How each frame is cut into tasks, and why; empty for whole frames. */
export type FrameSplit = Pick<JobPlan, 'tiles' | 'samples'> & { readonly notes: readonly string[] }

/**
 * What a request wants each frame cut into: tiles, ranges of samples, or each tile in ranges. Frames whose samples
 * alone are split are put together and finished as one tile. `rendered`: pixels of what is rendered of the image.
 * Refused with `tiles_invalid`, `tiles_not_exact`, `samples_invalid` or `samples_not_splittable`.
 */
export function splitFrame(
  request: JobRequest,
  facts: SceneSettings,
  rendered: { width: number; height: number },
): ({ ok: true } & FrameSplit) | Refusal {
  const tiled = splitIntoTiles(request, facts, rendered)
  const ranges = request.sampleRanges ?? 1
  if (!tiled.ok || ranges === 1) return tiled
  const obstacles = rangeObstacles(facts)
  if (obstacles.length > 0) return refuseRanges(facts.name, obstacles)
  if ((request.chunk ?? 1) > 1)
    return refuse(
      'samples_invalid',
      'chunk: frames whose samples are split cannot be chunked; leave out one of the two',
    )
  const split = rangesOf(samplesPerPixel(request.settings ?? {}, facts), ranges)
  if (!split.ok) return split
  return {
    ok: true,
    tiles: tiled.tiles ?? { columns: 1, rows: 1, overscanPx: 0 },
    samples: split.samples,
    notes: [...tiled.notes, RANGES_INEXACT],
  }
}

function splitIntoTiles(
  request: JobRequest,
  facts: SceneSettings,
  rendered: { width: number; height: number },
): ({ ok: true } & Pick<FrameSplit, 'tiles' | 'notes'>) | Refusal {
  const { tiles, chunk } = request
  if (tiles === undefined || tiles.columns * tiles.rows === 1) return { ok: true, notes: [] }
  const fits = checkGrid(rendered.width, rendered.height, tiles)
  if (!fits.ok) return fits
  const obstacles = tileObstacles(facts)
  if (obstacles.length > 0)
    return refuse(
      'tiles_not_exact',
      `tiles of scene "${facts.name}" would not give the same pixels: ${obstacles.join('; ')}. Submit without tiles`,
    )
  if ((chunk ?? 1) > 1)
    return refuse('tiles_invalid', 'chunk: frames that are cut into tiles cannot be chunked; leave out one of the two')
  const overscan = overscanFor(facts)
  return { ok: true, tiles: { ...tiles, overscanPx: overscan.px }, notes: [overscan.why] }
}
