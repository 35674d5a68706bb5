// EEVEE of 4.2 and newer draws a part of the image with a camera of its own, so its tiles are refused; Workbench draws
// the whole for any part. TILEWORK_TEST_BLENDER names the Blender.

import { copyFile, mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Workers, measureFrame } from '../benchmarks/exactness/measure.ts'
import type { Row } from '../benchmarks/exactness/record.ts'
import { QUARTERS } from '../benchmarks/exactness/splits.ts'
import { verdictOf } from '../benchmarks/exactness/table.ts'
import { Lab } from '../fixtures/driver/lab.ts'

/** Software OpenGL compiles shaders for a minute or more, in each of the Blenders. */
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

describe('EEVEE', () => {
  it(
    'renders whole frames as bare Blender does, and is refused in tiles, which are not the same',
    { timeout: TIMEOUT_MS },
    async () => {
      const [frame, tiles] = await rowsOf('eevee', 2)
      expect(frame === undefined ? 'no row' : verdictOf(frame)).toBe('exact')
      expect(tiles).toMatchObject({ promised: false, reasons: [expect.stringContaining('a camera of its own')] })
      // Were they the same, they should be promised.
      expect(tiles?.passPixels).toBeGreaterThan(0)
    },
  )
})

describe('Workbench', () => {
  it.each(['workbench', 'workbench-shaded'])(
    'is promised to be the same in tiles, and is, with %s',
    { timeout: TIMEOUT_MS },
    async (features) => {
      const rows = await rowsOf(features, 1)
      expect(rows.map((row) => [row.split, row.promised, verdictOf(row), row.pixels])).toEqual([
        ['frame', true, 'exact', 0],
        ['2x2', true, 'exact', 0],
      ])
    },
  )
})

async function rowsOf(features: string, frame: number): Promise<Row[]> {
  const folder = join(workers.lab.folder, `of-${features}`)
  await mkdir(folder)
  const path = join(folder, 'scene.blend')
  await copyFile(await workers.lab.scene(features), path)
  return await measureFrame(workers, { name: features, path, frame }, [QUARTERS])
}
