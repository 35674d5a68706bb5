// What the driver writes, whole or put together from tiles, against what Blender writes on its own: the part of the
// matrix of `npm run bench:exactness` that is quick. TILEWORK_TEST_BLENDER names another Blender to hold it to.

import { copyFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Workers, measureChunk, measureFrame } from '../benchmarks/exactness/measure.ts'
import { QUARTERS, ROTATED, SMALLEST, type TileSplit } from '../benchmarks/exactness/splits.ts'
import { verdictOf } from '../benchmarks/exactness/table.ts'
import { Lab } from '../fixtures/driver/lab.ts'

/** Seconds on idle cores; a Blender that compiles its shaders on busy ones takes minutes. */
const TIMEOUT_MS = 480_000

let workers: Workers

beforeAll(async () => {
  const lab = await Lab.open()
  workers = { lab, first: await lab.start(), second: await lab.start() }
}, TIMEOUT_MS)

afterAll(async () => {
  await workers.first.stop()
  await workers.second.stop()
  await workers.lab.close()
})

const [UNEVEN, TWO_WORKERS, ROWS, COLUMNS] = ROTATED

/** Several features share a scene: what breaks one shows all the same, and Blender starts less often. */
const CASES: { features: string; frame?: number; split?: TileSplit | undefined }[] = [
  { features: 'adaptive,dof,compositor', split: UNEVEN },
  { features: 'motion-blur,hair,subsurface,defocus', frame: 3, split: TWO_WORKERS },
  { features: 'volume,vector-blur', frame: 2, split: ROWS },
  { features: 'shadow-catcher,adaptive,glares', split: COLUMNS },
  { features: 'all-passes,exr-layers-half,two-layers', frame: 2, split: UNEVEN },
  { features: 'adaptive,cryptomatte,compressed,metadata', frame: 3 },
  { features: 'two-layers-composited,lens-distortion,denoise-node', frame: 2 },
  { features: 'output-nodes,transparent,png16', split: TWO_WORKERS },
  { features: 'border,blurs,own-colors' },
  { features: 'border-crop,compositor,adaptive,sheared', split: ROWS },
  { features: 'half,adaptive,curves,tiff16' },
  { features: 'tiny,adaptive,compositor', split: SMALLEST },
  { features: 'odd-size,panorama,jpeg,high-contrast', split: COLUMNS },
  { features: 'stereo-files,adaptive,compositor' },
  { features: 'stereo-sides,standard' },
  { features: 'own-views' },
  { features: 'exr-dwaa,glass,texture' },
  { features: 'webp,many-lights' },
  { features: 'workbench-shaded' },
]

describe.each(CASES)('a scene with $features', ({ features, frame = 1, split }) => {
  it(
    'is promised to be the same however it is split, and is, with all its passes and the bytes of its files',
    { timeout: TIMEOUT_MS },
    async () => {
      // Other Blenders promise less, for reasons that they tell; the one that is installed promises all of these.
      const which = process.env['TILEWORK_TEST_BLENDER'] === undefined ? 'all' : 'promised'
      const rows = await measureFrame(
        workers,
        await subject(features, frame),
        split === undefined ? [QUARTERS] : [QUARTERS, split],
        which,
      )
      const promised = rows.filter((row) => row.promised || which === 'all')
      expect(promised.length).toBeGreaterThan(0)
      expect(
        promised.map(
          (row) => `${row.split}: ${verdictOf(row)} (${row.pixels}, ${row.passPixels ?? 0}), bytes ${row.bytes}`,
        ),
      ).toEqual(promised.map((row) => expect.stringMatching(`^${row.split}: exact \\(0, 0\\), bytes equal`)))
    },
  )
})

describe('frames rendered one after the other', () => {
  it.each([
    'animated-settings,camera-markers,driven,geometry-nodes,motion-blur',
    'keyed-view,keyed-render,moved-by-nla',
    'keyed-strip',
    'particles',
  ])('are those of bare Blender for a scene with %s', { timeout: TIMEOUT_MS }, async (features) => {
    const rows = await measureChunk(workers, await subject(features, 1))
    expect(rows.filter((row) => row.promised).map(verdictOf)).toEqual(
      features === 'particles' ? ['exact'] : ['exact', 'exact', 'exact'],
    )
  })
})

/** Each scene in a folder of its own, for what its File Output nodes write. */
async function subject(features: string, frame: number): Promise<{ name: string; path: string; frame: number }> {
  const name = features.replaceAll(',', '+')
  const folder = join(workers.lab.folder, `of-${name}`)
  await mkdir(folder)
  const path = join(folder, 'scene.blend')
  await copyFile(await workers.lab.scene(features), path)
  return { name, path, frame }
}
