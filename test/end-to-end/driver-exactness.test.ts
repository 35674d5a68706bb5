// What the driver writes, whole or put together from tiles, against what Blender writes on its own.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { BlenderProcess } from '../../blender-worker/blender/process.ts'
import { Lab, type Region, differences } from '../fixtures/driver/lab.ts'

const WHOLE: Region = { x: 0, y: 0, width: 96, height: 54 }
/** 0.21 to 0.83 of 96 and 0.13 to 0.77 of 54 from the bottom, truncated as Blender does. */
const BORDER: Region = { x: 20, y: 13, width: 59, height: 34 }
/** 61 % of 157 x 91, truncated. */
const ODD: Region = { x: 0, y: 0, width: 95, height: 55 }
const TIMEOUT_MS = 120_000

let lab: Lab
let blender: BlenderProcess

beforeAll(async () => {
  lab = await Lab.open()
  blender = await lab.start()
}, TIMEOUT_MS)

afterAll(async () => {
  await blender.stop()
  await lab.close()
})

const CASES: { features: string; region?: Region; overscanPx?: number; frame?: number }[] = [
  { features: 'plain' },
  { features: 'adaptive', overscanPx: 4 },
  { features: 'compositor', frame: 3 },
  { features: 'adaptive,cryptomatte,compressed', overscanPx: 4, frame: 3 },
  { features: 'two-layers' },
  { features: 'two-layers-composited', frame: 2 },
  { features: 'border', region: BORDER },
  { features: 'border-crop,compositor,adaptive', region: BORDER, overscanPx: 4 },
  { features: 'exr,compositor' },
  { features: 'exr-multilayer' },
  { features: 'exr-multilayer,cryptomatte,two-layers' },
  { features: 'transparent,compositor' },
  { features: 'motion', frame: 2 },
  { features: 'odd-size,adaptive', region: ODD, overscanPx: 4 },
  { features: 'jpeg,high-contrast' },
  { features: 'tiff16' },
  { features: 'camera-markers', frame: 3 },
  { features: 'animated-settings', frame: 3 },
]

describe.each(CASES)('a scene with $features', ({ features, region = WHOLE, overscanPx = 0, frame = 1 }) => {
  it('is the same rendered bare, as a frame, in 2x2 tiles and in 3x2 uneven tiles', { timeout: TIMEOUT_MS }, async () => {
    const scene = await lab.scene(features)
    const name = features.replaceAll(',', '+')
    const bare = await lab.bare(scene, frame, `${name}-bare`)
    const extension = bare.slice(bare.lastIndexOf('.'))

    const opened = await blender.run('open', { path: scene })
    expect(opened).toMatchObject({ ok: true })
    const whole = { final: lab.path(`${name}-whole${extension}`), raw: lab.path(`${name}-whole-raw.exr`) }
    expect(await blender.run('render', { mode: 'frame', frame, outputs: whole, device: 'CPU' })).toMatchObject({ ok: true })
    expect(await differences(bare, whole.final)).toBe('')

    for (const [columns, rows] of [[2, 2], [3, 2]] as const) {
      const stitched = await lab.tiles(blender, { frame, region, columns, rows, overscanPx, name })
      const finished = { final: lab.path(`${name}-${columns}x${rows}${extension}`), raw: lab.path(`${name}-${columns}x${rows}-raw.exr`) }
      expect(await blender.run('finish', { frame, stitched, outputs: finished })).toMatchObject({ ok: true })
      expect(await differences(bare, finished.final)).toBe('')
      expect(await differences(whole.raw, finished.raw)).toBe('')
    }
  })
})
