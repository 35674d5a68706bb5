// Frames of scenes whose own settings are animated, rendered out of order by one Blender, against bare Blender. All
// settings that can be animated are gone through by `npm run test:keyed`; here is one of each kind, and what is odd
// about time.

import { execFile } from 'node:child_process'
import { mkdtemp } from 'node:fs/promises'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { BlenderProcess } from '../../blender-worker/blender/process.ts'
import { differingPixels } from '../benchmarks/exactness/pixels.ts'
import { Lab, sourceFile } from '../fixtures/driver/lab.ts'
import { type KeyedScene, listProperties, makeScenes } from '../keyed/properties.ts'
import { tryScene } from '../keyed/try-scene.ts'

const TIMEOUT_MS = 480_000
const OCCASIONS = sourceFile('test/keyed/occasions.py')

/**
 * One or two of each kind of owner; all of them were wrong, or stand beside one that was. Behind a bar is what newer
 * Blenders have in its place.
 */
const KINDS = [
  'scene/scene.view_settings.exposure',
  'scene/scene.view_settings.gamma',
  'scene/scene.view_settings.view_transform',
  'scene/scene.render.dither_intensity',
  'scene/scene.render.motion_blur_shutter',
  'scene/scene.render.film_transparent',
  'scene/scene.render.use_simplify',
  'scene/scene.cycles.seed',
  'scene/scene.cycles.use_adaptive_sampling',
  'scene/scene.cycles.filter_width',
  'scene/view_layer.use_sky',
  'scene/view_layer.use_pass_normal',
  'world/background.Strength.default_value',
  'camera/data.lens',
  'camera/data.dof.use_dof',
  'light-SPOT/data.spot_size',
  'node-CompositorNodeExposure/input.Exposure.default_value',
  'node-CompositorNodeBlur/node.size_x | node-CompositorNodeBlur/input.Size.default_value',
  'strip-COLOR/strip.color_multiply',
  'strip-COLOR/strip.blend_alpha',
  'strip-TEXT/strip.font_size',
  'strip-TRANSFORM/strip.rotation_start | strip-COLOR/strip.transform.rotation',
  'strip-SCENE/strip.blend_alpha',
]

let lab: Lab
let blender: BlenderProcess
let keyed: KeyedScene[]
/** Of each kind, what this Blender has. */
let names: string[]

beforeAll(async () => {
  lab = await Lab.open()
  blender = await lab.start()
  names = await namesHere()
  keyed = await makeScenes(lab, names, await mkdtemp(lab.path('keyed-')))
}, TIMEOUT_MS)

afterAll(async () => {
  await blender.stop()
  await lab.close()
})

describe('a frame shows its own value, not that of the frame before,', () => {
  it.each(KINDS.map((kind, place) => ({ kind, place })))('of $kind', { timeout: TIMEOUT_MS }, async ({ place }) => {
    const [scene, name] = [keyed[place], names[place] ?? '']
    if (scene === undefined) throw new Error(`no scene was made for ${name}`)
    const tiles = name.startsWith('strip-') ? 'refused' : 'exact'
    expect(await tryScene(lab, blender, scene)).toMatchObject({ name, whole: 'exact', tiles })
  })
})

describe('frames in any order are those of bare Blender', () => {
  it.each([
    ['a driven setting', 'driven', [6, 1, 3]],
    ['a setting that an NLA strip moves', 'nla', [5, 1, 3, 1]],
    ['drivers that read the range of the scene', 'range-driver', [6, 1, 3]],
    ['a driver that reads an animated object', 'object-driver', [6, 1, 3]],
    ['cameras bound to markers', 'markers', [5, 1, 3, 2]],
    ['time that is stretched', 'remapped', [6, 1, 3]],
    ['a file that was saved between two frames', 'subframe', [3, 1, 2]],
    ['a strip', 'strip', [6, 1, 3]],
  ] as const)('for %s', { timeout: TIMEOUT_MS }, async (_words, occasion, frames) => {
    const path = await build(occasion)
    const bare = await lab.bareFiles(path, [1, 6], `${occasion}-bare`)
    expect(await blender.run('open', { path })).toMatchObject({ ok: true })
    for (const frame of frames)
      expect(await differingPixels(bare.get(frame)?.[0] ?? '', await whole(frame, occasion)), `frame ${frame}`).toBe(0)
  })

  it('for a scene that is not the one the file opens with', { timeout: TIMEOUT_MS }, async () => {
    const path = await build('second-scene')
    const bare = lab.path('second-bare_')
    if (lab.launch === 'module') await runScript(['other', path, '2', `${bare}####`, 'Second'])
    else
      await promisify(execFile)(lab.executable, [
        '--background',
        path,
        '-noaudio',
        '--scene',
        'Second',
        '--render-output',
        bare,
        '--render-frame',
        '2',
      ])
    expect(await blender.run('open', { path })).toMatchObject({ ok: true })
    await whole(6, 'first', {})
    expect(await differingPixels(`${bare}0002.png`, await whole(2, 'second', { scene: 'Second' }))).toBe(0)
  })

  it('and below 0 what setting the frame shows, each its own', { timeout: TIMEOUT_MS }, async () => {
    const path = await build('below-zero')
    expect(await blender.run('open', { path })).toMatchObject({ ok: true })
    const seen = new Map<number, string>()
    for (const frame of [-1, 2, -4]) seen.set(frame, await whole(frame, 'below-zero'))
    for (const frame of [-4, -1]) {
      const bare = lab.path(`set-${frame}.png`)
      await runScript(['set', path, String(frame), bare])
      expect(await differingPixels(bare, seen.get(frame) ?? ''), `frame ${frame}`).toBe(0)
    }
    expect(await differingPixels(await lab.bare(path, 2, 'below-zero-bare'), seen.get(2) ?? '')).toBe(0)
    expect(await differingPixels(seen.get(-1) ?? '', seen.get(-4) ?? '')).not.toBe(0)
  })
})

/** What this Blender has of each kind: what is installed has the first of all, others are asked. */
async function namesHere(): Promise<string[]> {
  const choices = KINDS.map((kind) => kind.split(' | '))
  if (process.env['TILEWORK_TEST_BLENDER'] === undefined) return choices.flatMap(([first]) => first ?? [])
  const here = new Set((await listProperties(lab)).map(({ name }) => name))
  return choices.map((names) => names.find((name) => here.has(name)) ?? names[0] ?? '')
}

async function build(occasion: string): Promise<string> {
  const path = lab.path(`${occasion}.blend`)
  await runScript([occasion, path])
  return path
}

async function runScript(args: readonly string[]): Promise<void> {
  const options =
    lab.launch === 'module'
      ? [OCCASIONS, ...args]
      : [
          '--background',
          '--factory-startup',
          '-noaudio',
          '--python-exit-code',
          '9',
          '--python',
          OCCASIONS,
          '--',
          ...args,
        ]
  await promisify(execFile)(lab.executable, options)
}

async function whole(frame: number, name: string, settings: { readonly scene?: string } = {}): Promise<string> {
  const final = lab.path(`${name}-whole-${frame}.png`)
  expect(
    await blender.run('render', { mode: 'frame', frame, settings, outputs: { final }, device: 'CPU' }),
  ).toMatchObject({ ok: true })
  return final
}
