// A denoised scene on a Blender that may have no denoiser: Debian's has none, and refuses such scenes by itself.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { BlenderProcess } from '../../blender-worker/blender/process.ts'
import { FAILURES } from '../../shared/protocol/failure.ts'
import { Lab } from '../fixtures/driver/lab.ts'

const TIMEOUT_MS = 120_000
const WHOLE = { x: 0, y: 0, width: 96, height: 54 }

let lab: Lab
let blender: BlenderProcess
let hasDenoiser: boolean
let expected: object

beforeAll(async () => {
  lab = await Lab.open()
  blender = await lab.start()
  const probed = await blender.run('probe', {})
  if (!probed.ok) throw new Error(probed.message)
  hasDenoiser = probed.value.hasDenoiser
  expected = hasDenoiser ? { ok: true } : { ok: false, code: 'denoiser_missing', blame: 'worker' }
  expect(await blender.run('open', { path: await lab.scene('denoise') })).toMatchObject({ ok: true })
}, TIMEOUT_MS)

afterAll(async () => {
  await blender.stop()
  await lab.close()
})

describe('a scene with denoising', () => {
  it(
    'is a matter of the worker, not of the scene, where Blender has no denoiser',
    { timeout: TIMEOUT_MS },
    async () => {
      expect(FAILURES.denoiser_missing).toBe('worker')
      expect(
        await blender.run('render', { mode: 'frame', frame: 1, outputs: { final: lab.path('frame.png') } }),
      ).toMatchObject(expected)
    },
  )

  it('is told by inspection', async () => {
    const inspected = await blender.run('inspect', {})
    expect(inspected).toMatchObject({ ok: true, value: { sampling: { denoising: true } } })
    if (inspected.ok)
      expect(inspected.value).toMatchObject({ denoiser: hasDenoiser ? 'here' : 'missing', tiling: { exact: true } })
  })

  it('is told by inspection of a Denoise node too, and of no other scene', { timeout: TIMEOUT_MS }, async () => {
    for (const [features, denoiser] of [
      ['denoise-node', hasDenoiser ? 'here' : 'missing'],
      ['glares', 'unneeded'],
    ] as const) {
      expect(await blender.run('open', { path: await lab.scene(features) })).toMatchObject({ ok: true })
      expect(await blender.run('inspect', {})).toMatchObject({ ok: true, value: { denoiser } })
    }
    expect(await blender.run('open', { path: await lab.scene('denoise') })).toMatchObject({ ok: true })
  })

  it(
    'is rendered in noisy tiles by any Blender, and finished by one that has the denoiser',
    { timeout: TIMEOUT_MS },
    async () => {
      const stitched = await lab.tiles(blender, {
        frame: 1,
        region: WHOLE,
        columns: 2,
        rows: 1,
        overscanPx: 0,
        name: 'denoise',
      })
      expect(
        await blender.run('finish', { frame: 1, stitched, outputs: { final: lab.path('finished.png') } }),
      ).toMatchObject(expected)
    },
  )

  it('is as the artist set it up after a tile', async () => {
    const inspected = await blender.run('inspect', {})
    expect(inspected).toMatchObject({ ok: true, value: { sampling: { denoising: true } } })
    expect(inspected.ok && JSON.stringify(inspected.value.scenes)).not.toContain('Denoising Albedo')
  })
})
