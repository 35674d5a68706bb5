// Stacks of compositor effects, and what else decides pixels from Blender 5.3 on: TILEWORK_TEST_BLENDER names one.
// Older ones cannot save such scenes.

import { existsSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { basename } from 'node:path'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { BlenderProcess } from '../../blender-worker/blender/process.ts'
import { Lab, differences, sourceFile } from '../fixtures/driver/lab.ts'

const SCRIPT = sourceFile('test/fixtures/driver/build_effects.py')
const TIMEOUT_MS = 480_000
const WHOLE = { x: 0, y: 0, width: 96, height: 54 }

let lab: Lab
let blender: BlenderProcess

beforeAll(async () => {
  lab = await Lab.open()
  blender = await lab.start()
}, TIMEOUT_MS)

afterAll(async () => {
  await blender?.stop()
  await lab?.close()
})

/** Opens a scene of this kind and answers its path. */
async function open(kind: string): Promise<string> {
  const path = await lab.sceneOfToday(SCRIPT, kind)
  expect(await blender.run('open', { path })).toMatchObject({ ok: true })
  return path
}

/**
 * What differs from bare Blender (of the file `reference`, if another): in the whole frame, in a finish of 3 x 2 tiles,
 * and in the passes of the two.
 */
async function compared(kind: string, reference = kind): Promise<{ whole: string; tiled: string; passes: string }> {
  const bare = await lab.bare(await lab.sceneOfToday(SCRIPT, reference), 1, `${reference}-bare`)
  await open(kind)
  const whole = { final: lab.path(`${kind}-whole.png`), raw: lab.path(`${kind}-whole.exr`) }
  const tiled = { final: lab.path(`${kind}-tiled.png`), raw: lab.path(`${kind}-tiled.exr`) }
  expect(await blender.run('inspect', {})).toMatchObject({ ok: true, value: { tiling: { exact: true } } })
  expect(await blender.run('render', { mode: 'frame', frame: 1, outputs: whole, device: 'CPU' })).toMatchObject({
    ok: true,
  })
  const stitched = await lab.tiles(blender, { frame: 1, region: WHOLE, columns: 3, rows: 2, overscanPx: 0, name: kind })
  expect(await blender.run('finish', { frame: 1, stitched, outputs: tiled })).toMatchObject({ ok: true })
  return {
    whole: await differences(bare, whole.final),
    tiled: await differences(bare, tiled.final),
    passes: await differences(whole.raw, tiled.raw),
  }
}

const ALIKE = { whole: '', tiled: '', passes: '' }

it(
  'File Output nodes of every effect are redirected, and none writes elsewhere, switched off and muted ones neither',
  { timeout: TIMEOUT_MS },
  async () => {
    const scene = await open('outputs')
    expect(await blender.run('inspect', {})).toMatchObject({
      ok: true,
      value: { compositor: { used: true, fileOutputs: ['below', 'top'] } },
    })
    const extraDir = lab.path('extra')
    await mkdir(extraDir)
    const final = lab.path('outputs.png')
    const rendered = await blender.run('render', { mode: 'frame', frame: 1, outputs: { final, extraDir } })
    expect(rendered).toMatchObject({ ok: true, value: { notHonoured: [] } })
    const extra = rendered.ok ? rendered.value.extra : []
    expect(extra.map(({ node }) => node).sort()).toEqual(['below', 'top'])
    const silenced = await blender.run('render', {
      mode: 'frame',
      frame: 1,
      outputs: { final: lab.path('silenced.png') },
    })
    expect(silenced).toMatchObject({ ok: true, value: { notHonoured: ['below', 'top'], extra: [] } })
    expect(existsSync(lab.path('nodes'))).toBe(false)

    expect(await differences(await lab.bare(scene, 1, 'outputs-bare'), final)).toBe('')
    // Blender gives a file the number of its frame where it renders an animation, as bare Blender does here.
    for (const { path } of extra)
      expect(await differences(lab.path(`nodes/${basename(path, '.png')}0001.png`), path)).toBe('')
  },
)

it.each([
  ['denoise-below', 'here', 'is not the active one'],
  ['denoise-keyed', 'here', 'is switched on by its animation'],
  ['denoise-off', 'unneeded', 'is switched off for renders'],
  ['strip-trees', 'here', 'is that of a strip'],
] as const)(
  '%s: a Denoise node is %s where its compositor %s',
  { timeout: TIMEOUT_MS },
  async (kind, denoiser, _why) => {
    await open(kind)
    expect(await blender.run('inspect', {})).toMatchObject({ ok: true, value: { denoiser } })
  },
)

it('renders of other scenes are found in every effect', { timeout: TIMEOUT_MS }, async () => {
  await open('other-scene-below')
  const inspected = await blender.run('inspect', {})
  expect(inspected).toMatchObject({
    ok: true,
    value: { compositor: { layers: [{ scene: 'Other', viewLayer: 'ViewLayer' }] }, tiling: { exact: false } },
  })
  expect(inspected.ok && inspected.value.tiling.reasons.join()).toContain('renders of other scenes: Other')
})

it(
  'File Output nodes in compositors of strips write nothing, and are not said to',
  { timeout: TIMEOUT_MS },
  async () => {
    const scene = await open('strip-trees')
    expect(await blender.run('inspect', {})).toMatchObject({
      ok: true,
      value: { compositor: { used: true, fileOutputs: [] } },
    })
    const final = lab.path('strip-trees.png')
    expect(await blender.run('render', { mode: 'frame', frame: 1, outputs: { final } })).toMatchObject({
      ok: true,
      value: { notHonoured: [], extra: [] },
    })
    expect(await differences(await lab.bare(scene, 1, 'strip-trees-bare'), final)).toBe('')
    expect(existsSync(lab.path('nodes/modifier_image.png'))).toBe(false)
  },
)

it('a time limit of EEVEE is told, and keeps a scene from being cut', { timeout: TIMEOUT_MS }, async () => {
  await open('eevee-time-limit')
  const inspected = await blender.run('inspect', {})
  expect(inspected).toMatchObject({ ok: true, value: { sampling: { timeLimitSeconds: 30 }, tiling: { exact: false } } })
  expect(inspected.ok && inspected.value.tiling.reasons.join()).toContain('a time limit')
})

it.each(['composited-cpu', 'composited-gpu'])(
  '%s runs on the processor, whole and in tiles, whatever the file is set to',
  { timeout: TIMEOUT_MS },
  async (kind) => {
    expect(await compared(kind, 'composited-cpu')).toEqual(ALIKE)
  },
)

it.each([
  'guides',
  'guides-direct',
  'guides-unweighted',
  'guides-motion',
  'quality-balanced',
  'quality-fast',
  'pixel-jitter',
])('denoised with %s: the same pixels bare, whole and in tiles', { timeout: TIMEOUT_MS }, async (kind) => {
  expect(await compared(kind)).toEqual(ALIKE)
})
