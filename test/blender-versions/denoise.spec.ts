// Denoising frames that were rendered in tiles, against Blender's own denoised render. Needs a Blender that has
// OpenImageDenoise: TILEWORK_TEST_BLENDER names it. Debian's has none, so `npm test` leaves this file alone.

import { copyFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { BlenderProcess } from '../../blender-worker/blender/process.ts'
import { Lab, type Region, differences } from '../fixtures/driver/lab.ts'

const WHOLE: Region = { x: 0, y: 0, width: 96, height: 54 }
/** 0.21 to 0.83 of 96 and 0.13 to 0.77 of 54 from the bottom, truncated as Blender does. */
const BORDER: Region = { x: 20, y: 13, width: 59, height: 34 }
const TIMEOUT_MS = 480_000

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
 * Renders bare and in tiles; answers what differs in the final file and in all passes, and what inspection says of
 * tiles.
 */
async function compared(
  features: string,
  region: Region,
): Promise<{ final: string; passes: string; tiling: { exact: boolean; reasons: string[] } }> {
  const scene = await lab.scene(features)
  const name = features.replaceAll(',', '+')
  const bare = await lab.bare(scene, 1, `${name}-bare`)
  const extension = bare.slice(bare.lastIndexOf('.'))
  expect(await blender.run('open', { path: scene })).toMatchObject({ ok: true })
  const inspected = await blender.run('inspect', {})
  if (!inspected.ok) throw new Error(inspected.message)
  const whole = { final: lab.path(`${name}-whole${extension}`), raw: lab.path(`${name}-whole-raw.exr`) }
  expect(await blender.run('render', { mode: 'frame', frame: 1, outputs: whole, device: 'CPU' })).toMatchObject({
    ok: true,
  })
  expect(await differences(bare, whole.final)).toBe('')
  const { tiling } = inspected.value
  const stitched = await lab.tiles(blender, {
    frame: 1,
    region,
    columns: 3,
    rows: 2,
    overscanPx: tiling.overscanPx,
    name,
  })
  const finished = { final: lab.path(`${name}-finished${extension}`), raw: lab.path(`${name}-finished-raw.exr`) }
  expect(await blender.run('finish', { frame: 1, stitched, outputs: finished })).toMatchObject({ ok: true })
  if (process.env['TILEWORK_KEEP_IMAGES'] !== undefined) {
    await copyFile(whole.raw, `${process.env['TILEWORK_KEEP_IMAGES']}/${name}-whole.exr`)
    await copyFile(finished.raw, `${process.env['TILEWORK_KEEP_IMAGES']}/${name}-finished.exr`)
  }
  return { final: await differences(bare, finished.final), passes: await differences(whole.raw, finished.raw), tiling }
}

describe('a denoised scene that inspection calls exact is the same bare and in tiles', () => {
  it.each([
    ['denoise', WHOLE],
    ['denoise,prefilter-fast,compositor', WHOLE],
    ['denoise,adaptive', WHOLE],
    ['denoise,loosely-adaptive,denoise-layers,compositor', WHOLE],
    ['denoise,loosely-adaptive,denoise-auto-tile,exposure-2', WHOLE],
    ['denoise,prefilter-none,denoise-albedo', WHOLE],
    ['denoise,denoise-rgb,transparent', WHOLE],
    ['denoise,denoise-store,exr-multilayer', WHOLE],
    ['denoise,denoise-layers,exr-multilayer', WHOLE],
    ['denoise,denoise-auto-tile,samples-12', WHOLE],
    ['denoise,exposure-2,border', BORDER],
  ])('%s', { timeout: TIMEOUT_MS }, async (features, region) => {
    const result = await compared(features, region)
    expect(result.tiling).toMatchObject({ exact: true, reasons: [] })
    expect(result.final).toBe('')
    expect(result.passes).toBe('')
  })
})

describe('a denoised scene that is not exact in tiles', () => {
  it.each([
    ['denoise,samples-12', 'power of two, not 12'],
    ['denoise,exposure-0.7', 'film exposure'],
  ])('%s: inspection says why, and it differs by rounding alone', { timeout: TIMEOUT_MS }, async (features, reason) => {
    const result = await compared(features, WHOLE)
    expect(result.tiling.exact).toBe(false)
    expect(result.tiling.reasons.join()).toContain(reason)
    // If nothing differed, there would be no reason.
    expect(result.passes).not.toBe('')
    expect(maxError(result.passes)).toBeLessThan(1e-5)
  })

  it('says so of a shadow catcher', { timeout: TIMEOUT_MS }, async () => {
    expect(await blender.run('open', { path: await lab.scene('denoise,denoise-catcher') })).toMatchObject({ ok: true })
    const inspected = await blender.run('inspect', {})
    expect(inspected.ok && inspected.value.tiling.reasons.join()).toContain('shadow catcher')
  })
})

function maxError(said: string): number {
  const found = [...said.matchAll(/Max error\s*=\s*([\d.e+-]+)/g)].map((match) => Number(match[1]))
  return Math.max(...found)
}
