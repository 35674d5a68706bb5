// Renders a scene with one keyed property through the driver, out of order, whole and in tiles, and holds it to bare
// Blender.

import type { AnswerTo } from '../../blender-worker/blender/answers.ts'
import type { BlenderProcess } from '../../blender-worker/blender/process.ts'
import { differingPixels } from '../benchmarks/exactness/pixels.ts'
import { type Lab, must } from '../fixtures/driver/lab.ts'
import type { KeyedScene } from './properties.ts'

/** Frame 2 first: the file stands on it, and frame 1 must not show what was rendered before. */
const ORDER = [2, 1, 2] as const
const FRAME_IN_TILES = 1

export interface Finding {
  readonly name: string
  /** `no key`: Blender keys it nowhere or has but one value for it; then nothing was rendered. */
  readonly whole: 'exact' | 'different' | 'failed' | 'no key'
  readonly tiles: 'exact' | 'different' | 'failed' | 'refused' | 'not tried'
  /** What differs, failed, or keeps it from tiles or from being keyed. */
  readonly why: string
}

type Inspected = AnswerTo<'inspect'>

/** What became of one scene; the Blender stays open for the next. */
export async function tryScene(lab: Lab, blender: BlenderProcess, scene: KeyedScene): Promise<Finding> {
  const { name } = scene
  if ('why' in scene) return { name, whole: 'no key', tiles: 'not tried', why: scene.why }
  try {
    must(await blender.run('open', { path: scene.file }))
    const facts = must(await blender.run('inspect', {}))
    const whole = await renderWhole(lab, blender, scene.bare)
    if (whole !== '') return { name, whole: 'different', tiles: 'not tried', why: whole }
    if (!facts.tiling.exact) return { name, whole: 'exact', tiles: 'refused', why: facts.tiling.reasons.join('; ') }
    const tiles = await renderTiles(lab, blender, facts, scene.bare[FRAME_IN_TILES - 1] ?? '')
    return { name, whole: 'exact', tiles: tiles === '' ? 'exact' : 'different', why: tiles }
  } catch (error) {
    return {
      name,
      whole: 'failed',
      tiles: 'not tried',
      why: error instanceof Error ? error.message.slice(0, 300) : String(error),
    }
  }
}

async function renderWhole(lab: Lab, blender: BlenderProcess, bare: readonly [string, string]): Promise<string> {
  for (const [turn, frame] of ORDER.entries()) {
    const final = lab.path(`keyed-${turn}.png`)
    must(await blender.run('render', { mode: 'frame', frame, outputs: { final }, device: 'CPU' }))
    const differing = await differingPixels(bare[frame - 1] ?? '', final)
    if (differing !== 0)
      return (
        `frame ${frame}, rendered as number ${turn + 1}: ` +
        `${differing}${typeof differing === 'number' ? ' pixels differ' : ''}`
      )
  }
  return ''
}

async function renderTiles(lab: Lab, blender: BlenderProcess, facts: Inspected, bare: string): Promise<string> {
  const frame = FRAME_IN_TILES
  const stitched = await lab.tiles(blender, {
    frame,
    region: facts.image.region,
    columns: 2,
    rows: 1,
    overscanPx: facts.tiling.overscanPx,
    name: 'keyed',
  })
  const final = lab.path('keyed-tiled.png')
  must(await blender.run('finish', { frame, stitched, outputs: { final } }))
  const differing = await differingPixels(bare, final)
  return differing === 0
    ? ''
    : `frame ${frame} in tiles: ${differing}${typeof differing === 'number' ? ' pixels differ' : ''}`
}
