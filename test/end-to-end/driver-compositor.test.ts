// What the compositors of all scenes behind a picture do: strips show scenes whose compositors write files and denoise
// too.

import { existsSync } from 'node:fs'
import { mkdir, readdir } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { BlenderProcess } from '../../blender-worker/blender/process.ts'
import { Lab, differences } from '../fixtures/driver/lab.ts'

const TIMEOUT_MS = 480_000

let lab: Lab
let blender: BlenderProcess
let denoiser: 'here' | 'missing'

beforeAll(async () => {
  lab = await Lab.open()
  blender = await lab.start()
  const probed = await blender.run('probe', {})
  if (!probed.ok) throw new Error(probed.message)
  denoiser = probed.value.hasDenoiser ? 'here' : 'missing'
}, TIMEOUT_MS)

afterAll(async () => {
  await blender.stop()
  await lab.close()
})

async function open(features: string): Promise<string> {
  const path = await lab.scene(features)
  expect(await blender.run('open', { path })).toMatchObject({ ok: true })
  return path
}

/** Files in these folders, from the folder that these lie in. */
async function filesBelow(parent: string, folders: readonly string[]): Promise<string[]> {
  const found = await Promise.all(
    folders.map(async (folder) => {
      const entries = await readdir(join(parent, folder), { recursive: true, withFileTypes: true })
      return entries.flatMap((entry) => (entry.isFile() ? relative(parent, join(entry.parentPath, entry.name)) : []))
    }),
  )
  return found.flat().sort()
}

describe('File Output nodes of scenes that strips show', () => {
  it('write into the extra folder alone, with the names that Blender gives them', { timeout: TIMEOUT_MS }, async () => {
    await open('strip-outputs')
    const extraDir = lab.path('extra')
    await mkdir(extraDir)
    const rendered = await blender.run('render', {
      mode: 'frame',
      frame: 2,
      outputs: { final: lab.path('strips.png'), extraDir },
    })
    expect(rendered).toMatchObject({ ok: true, value: { notHonoured: [] } })
    expect(existsSync(lab.path('nodes'))).toBe(false)
    const extra = rendered.ok ? rendered.value.extra : []
    expect(extra.map(({ node }) => node).sort()).toEqual(['nested', 'shown'])
    for (const { path } of extra) expect(path.startsWith(`${extraDir}/`)).toBe(true)
  })

  it('are named when they are kept from writing', { timeout: TIMEOUT_MS }, async () => {
    await open('strip-outputs')
    expect(await blender.run('inspect', {})).toMatchObject({
      ok: true,
      value: { compositor: { fileOutputs: ['shown', 'nested'] } },
    })
    const rendered = await blender.run('render', {
      mode: 'frame',
      frame: 2,
      outputs: { final: lab.path('silenced.png') },
    })
    expect(rendered).toMatchObject({ ok: true, value: { notHonoured: ['shown', 'nested'], extra: [] } })
    expect(existsSync(lab.path('nodes'))).toBe(false)
  })

  it('give the pixels that they give without a farm, as the picture does', { timeout: TIMEOUT_MS }, async () => {
    const scene = await open('strip-outputs')
    const extraDir = lab.path('compared')
    await mkdir(extraDir)
    const final = lab.path('compared.png')
    const rendered = await blender.run('render', {
      mode: 'frame',
      frame: 2,
      outputs: { final, extraDir },
      device: 'CPU',
    })
    expect(await differences(await lab.bare(scene, 2, 'bare'), final)).toBe('')
    const extra = rendered.ok ? rendered.value.extra : []
    expect(extra).toHaveLength(2)
    const bare = await readdir(lab.path('nodes'))
    for (const { node, path } of extra) {
      // Blender 5.0 and later leave the frame out of the name where a single one is rendered.
      const name = bare.find((each) => each.includes(node))
      expect(await differences(lab.path(`nodes/${name}`), path)).toBe('')
    }
  })

  it('are named as Blender names them, in the folders of the artist', { timeout: TIMEOUT_MS }, async () => {
    const scene = await open('odd-outputs')
    const extraDir = lab.path('odd')
    await mkdir(extraDir)
    const outputs = { final: lab.path('odd.png'), extraDir }
    const rendered = await blender.run('render', { mode: 'frame', frame: 2, outputs, device: 'CPU' })
    const extra = rendered.ok ? rendered.value.extra : []
    // As an animation: since 5.0 Blender leaves the frame out of the names where a single one is rendered.
    await lab.bareFiles(scene, [2, 3], 'odd-bare')
    const bare = (await filesBelow(lab.folder, ['shots', 'same'])).filter((path) => path.includes('0002'))
    expect(bare).toHaveLength(11)
    // What lies in the scene's own output folder, shots/out/, keeps the way below it.
    const inDelivery = bare.map((path) => (path.startsWith('shots/out/') ? path.slice('shots/out/'.length) : path))
    const places = inDelivery.map((path) => path.replace(/^shots\//, ''))
    expect(extra.map(({ place }) => place).sort()).toEqual([...places].sort())
    for (const [index, path] of bare.entries()) {
      const one = extra.find(({ place }) => place === places[index])
      expect(await differences(lab.path(path), one?.path ?? ''), path).toBe('')
    }
    expect(extra.map(({ node, slot }) => `${node}: ${slot}`).sort()).toEqual(
      [
        ...[' blank ', '.hidden_', 'Fläche 猫_', 'a+b (1) ~!%', 'deep/er/slot_', 'shot_####_v2', 'x.png'].map(
          (slot) => `Odd: ${slot}`,
        ),
        ...['Below: beauty_', 'Layers: ', 'Second: same_', 'Windows: w_'],
      ].sort(),
    )
  })

  it('are not told of where nothing shows them', { timeout: TIMEOUT_MS }, async () => {
    await open('away-unused')
    expect(await blender.run('inspect', {})).toMatchObject({ ok: true, value: { compositor: { fileOutputs: [] } } })
    const rendered = await blender.run('render', {
      mode: 'frame',
      frame: 1,
      outputs: { final: lab.path('unused.png') },
    })
    expect(rendered).toMatchObject({ ok: true, value: { notHonoured: [], extra: [] } })
  })
})

describe('inspection looks into scenes that strips show', () => {
  it.each([
    ['strip-denoise', 'a Denoise node'],
    ['strip-cycles-denoise', 'a scene that Cycles denoises'],
    ['strip-keyed-denoise', 'a strip that its animation switches on'],
  ])('%s: for %s', { timeout: TIMEOUT_MS }, async (features) => {
    await open(features)
    expect(await blender.run('inspect', {})).toMatchObject({ ok: true, value: { denoiser } })
  })

  it('not into those that are muted', { timeout: TIMEOUT_MS }, async () => {
    await open('strip-muted-denoise')
    expect(await blender.run('inspect', {})).toMatchObject({ ok: true, value: { denoiser: 'unneeded' } })
  })

  it('for a time limit', { timeout: TIMEOUT_MS }, async () => {
    await open('strip-time-limit')
    expect(await blender.run('inspect', {})).toMatchObject({
      ok: true,
      value: {
        sampling: { timeLimitSeconds: 20 },
        tiling: { exact: false, reasons: expect.arrayContaining([expect.stringContaining('time limit')]) },
      },
    })
  })
})
