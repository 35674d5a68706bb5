// Scenes whose multilayer EXR has several parts, as Blender 5 writes them: the artist gets the same parts as from bare
// Blender, and the farm's own files have one. Blender 4 has one part in any case. TILEWORK_TEST_BLENDER names the
// Blender.

import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { BlenderProcess } from '../../blender-worker/blender/process.ts'
import { samePixels } from '../../shared/adapters/imaging/compare-same-pixels.ts'
import { compareBytes } from '../benchmarks/exactness/file-bytes.ts'
import { Lab, type Region, differences, sourceFile } from '../fixtures/driver/lab.ts'

const run = promisify(execFile)
const TIMEOUT_MS = 240_000
const WHOLE: Region = { x: 0, y: 0, width: 48, height: 32 }
const BORDER: Region = { x: 12, y: 8, width: 24, height: 16 }

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

/**
 * Makes the scene with the Blender under test and opens it; answers its path and how many parts its passes are to have.
 */
async function open(features: string): Promise<{ readonly scene: string; readonly isSplit: boolean }> {
  const scene = lab.path(`${features.replaceAll(',', '+')}.blend`)
  const script = sourceFile('test/fixtures/driver/several_parts.py')
  const byProgram = [
    '--background',
    '--factory-startup',
    '-noaudio',
    '--python-exit-code',
    '9',
    '--python',
    script,
    '--',
    features,
    scene,
  ]
  await run(lab.executable, lab.launch === 'module' ? [script, features, scene] : byProgram)
  expect(await blender.run('open', { path: scene })).toMatchObject({ ok: true })
  const inspected = await blender.run('inspect', {})
  if (!inspected.ok) throw new Error(inspected.message)
  return {
    scene,
    isSplit: Number.parseInt(inspected.value.blenderVersion, 10) >= 5 && !features.includes('interleaved'),
  }
}

/** The names of the parts of an EXR, as OpenImageIO tells them; `-` of a part without one. */
async function partsOf(path: string): Promise<string[]> {
  const { stdout } = await run('oiiotool', ['-a', '-v', '--info', path])
  const parts = stdout.split(/^ subimage +\d+:/m)
  return (parts.length > 1 ? parts.slice(1) : parts).map((part) => /oiio:subimagename: "(.*)"/.exec(part)?.[1] ?? '-')
}

async function isSameFile(bare: string, ours: string): Promise<void> {
  expect(await differences(bare, ours)).toBe('')
  expect(await partsOf(ours)).toEqual(await partsOf(bare))
  expect(await samePixels(bare, ours)).toEqual({ ok: true, same: true })
  // The parts lie in the file in the same order, packed alike; only notes of the render may differ.
  expect(await compareBytes(bare, ours)).not.toBe('differ')
}

async function whole(
  features: string,
): Promise<{ readonly bare: string; readonly raw: string; readonly isSplit: boolean }> {
  const { scene, isSplit } = await open(features)
  const name = features.replaceAll(',', '+')
  const bare = await lab.bare(scene, 1, `${name}-bare`)
  const outputs = { final: lab.path(`${name}-whole.exr`), raw: lab.path(`${name}-raw.exr`) }
  expect(await blender.run('render', { mode: 'frame', frame: 1, outputs, device: 'CPU' })).toMatchObject({ ok: true })
  await isSameFile(bare, outputs.final)
  expect((await partsOf(outputs.raw)).length).toBe(1)
  return { bare, raw: outputs.raw, isSplit }
}

describe('a multilayer EXR has the parts and pixels that bare Blender writes, whole and in tiles', () => {
  it.each([
    ['passes', WHOLE, 7],
    ['layers', WHOLE, 2],
    ['passes,layers', WHOLE, 8],
    ['passes,layers,half', WHOLE, 8],
    ['passes,border', BORDER, 7],
    ['passes,layers,interleaved', WHOLE, 1],
    ['one', WHOLE, 1],
    ['passes,compositor', WHOLE, 8],
    ['every,layers', WHOLE, 40],
  ] as const)(
    '%s',
    async (features, region, parts) => {
      const { bare, raw, isSplit } = await whole(features)
      expect((await partsOf(bare)).length).toBe(isSplit ? parts : 1)
      const name = features.replaceAll(',', '+')
      const stitched = await lab.tiles(blender, { frame: 1, region, columns: 2, rows: 2, overscanPx: 0, name })
      expect(await partsOf(lab.path(`${name}-tile-0.exr`))).toHaveLength(1)
      const outputs = { final: lab.path(`${name}-finished.exr`), raw: lab.path(`${name}-finished-raw.exr`) }
      expect(await blender.run('finish', { frame: 1, stitched, outputs })).toMatchObject({ ok: true })
      await isSameFile(bare, outputs.final)
      expect(await samePixels(raw, outputs.raw)).toEqual({ ok: true, same: true })
    },
    TIMEOUT_MS,
  )

  it(
    'with several views; their tiles are refused where Blender does not find them in a file',
    async () => {
      const { bare, isSplit } = await whole('passes,layers,views')
      expect((await partsOf(bare)).length).toBe(isSplit ? 16 : 1)
      const inspected = await blender.run('inspect', {})
      if (!inspected.ok) throw new Error(inspected.message)
      expect(inspected.value).toMatchObject({
        tiling: isSplit
          ? { exact: false, reasons: ['this Blender cannot read the passes of several views back'] }
          : { exact: true, reasons: [] },
      })
      const grid = { region: WHOLE, columns: 2, rows: 2, overscanPx: 0 }
      const stitched = await lab.tiles(blender, { frame: 1, ...grid, name: 'views' })
      // Blender cannot write the passes beside an image of several views.
      const outputs = { final: lab.path('views-finished.exr') }
      const finished = await blender.run('finish', { frame: 1, stitched, outputs })
      expect(finished).toMatchObject(isSplit ? { ok: false, code: 'stitched_unreadable' } : { ok: true })
      if (!isSplit) await isSameFile(bare, outputs.final)
    },
    TIMEOUT_MS,
  )

  it(
    'which is what the artist said, also where a tile was rendered in the same Blender before',
    async () => {
      const { bare } = await whole('passes,layers')
      await lab.tiles(blender, { frame: 1, region: WHOLE, columns: 1, rows: 1, overscanPx: 0, name: 'before' })
      const final = lab.path('after-a-tile.exr')
      expect(await blender.run('render', { mode: 'frame', frame: 1, outputs: { final }, device: 'CPU' })).toMatchObject(
        { ok: true },
      )
      await isSameFile(bare, final)
    },
    TIMEOUT_MS,
  )
})
