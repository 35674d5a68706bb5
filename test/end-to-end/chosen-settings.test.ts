// What a job chooses instead of the scene comes out as Blender itself renders a file that was saved so.

import { writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { BlenderProcess } from '../../blender-worker/blender/process.ts'
import { differences, Lab, must, sourceFile } from '../fixtures/driver/lab.ts'

const TIMEOUT_MS = 480_000
const SCRIPT = sourceFile('test/fixtures/chosen-settings.py')
/** Its view "House Film" is no view of Blender's own, and changes every pixel. */
const HOUSE = `ocio_profile_version: 1
search_path: ""
roles: {reference: Linear, scene_linear: Linear, default_byte: sRGB, default_float: Linear, default_sequencer: sRGB,
  color_picking: sRGB, texture_paint: Linear, compositing_log: Linear, data: Non-Color, matte_paint: sRGB, XYZ: Linear,
  aces_interchange: Linear}
displays:
  sRGB:
    - !<View> {name: Standard, colorspace: sRGB}
    - !<View> {name: House Film, colorspace: House}
active_displays: [sRGB]
active_views: [Standard, House Film]
colorspaces:
  - !<ColorSpace> {name: Linear, family: linear, bitdepth: 32f, isdata: false}
  - !<ColorSpace> {name: Non-Color, family: raw, bitdepth: 32f, isdata: true}
  - !<ColorSpace>
    {name: sRGB, isdata: false, from_reference: !<ExponentTransform> {value: [0.4545, 0.4545, 0.4545, 1]}}
  - !<ColorSpace>
    {name: House, isdata: false, from_reference: !<ExponentTransform> {value: [0.7, 0.5, 0.3, 1]}}
`

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

async function rendered(by: BlenderProcess, path: string, name: string, settings = {}, frame = 1): Promise<string> {
  must(await by.run('open', { path }))
  const final = lab.path(name)
  must(await by.run('render', { mode: 'frame', frame, settings, outputs: { final } }))
  return final
}

/** Runs with OCIO in the environment, as an artist would start Blender. */
async function underOcio<T>(config: string, act: () => Promise<T>): Promise<T> {
  process.env['OCIO'] = config
  try {
    return await act()
  } finally {
    delete process.env['OCIO']
  }
}

describe('a job that names', () => {
  test(
    'a camera and a view layer gets them in spite of markers and switches, and puts all back',
    { timeout: TIMEOUT_MS },
    async () => {
      const own = await lab.sceneOfToday(SCRIPT, 'first-both')
      const chosen = await lab.sceneOfToday(SCRIPT, 'second-back')
      const plain = await rendered(blender, own, 'plain.png')
      expect(await differences(plain, await lab.bare(own, 1, 'bare-own'))).toBe('')
      const named = await rendered(blender, own, 'named.png', { camera: 'Second', viewLayer: 'Back' })
      expect(await differences(named, await lab.bare(chosen, 1, 'bare-chosen'))).toBe('')
      expect(await differences(named, plain)).not.toBe('')
      expect(await differences(await rendered(blender, own, 'again.png'), plain)).toBe('')
      expect(await blender.run('inspect', {})).toMatchObject({
        value: { cameras: ['First', 'Second'], viewLayers: ['ViewLayer', 'Back'] },
      })
      expect(
        await blender.run('render', {
          mode: 'frame',
          frame: 1,
          settings: { camera: 'Third' },
          outputs: { final: 'x' },
        }),
      ).toMatchObject({ ok: false, blame: 'scene', message: expect.stringContaining('it has First, Second') as string })
    },
  )

  test(
    'an OpenColorIO configuration gets its view, as Blender started with it shows it',
    { timeout: TIMEOUT_MS },
    async () => {
      const config = lab.path('house.ocio')
      await writeFile(config, HOUSE)
      const scene = await underOcio(config, () => lab.sceneOfToday(SCRIPT, 'house'))
      const bare = await underOcio(config, () => lab.bare(scene, 1, 'bare-house'))
      const house = await lab.start({ ocio: config })
      try {
        expect(await differences(await rendered(house, scene, 'house.png'), bare)).toBe('')
      } finally {
        await house.stop()
      }
      expect(await differences(await rendered(blender, scene, 'no-house.png'), bare)).not.toBe('')
    },
  )
})

test(
  'an edit without a camera is found to need none, and is rendered as Blender renders it',
  { timeout: TIMEOUT_MS },
  async () => {
    const scene = await lab.sceneOfToday(SCRIPT, 'edit')
    const second = await rendered(blender, scene, 'edit.png', {}, 2)
    expect(await blender.run('inspect', {})).toMatchObject({ value: { hasCamera: true, cameras: [] } })
    expect(await differences(second, await lab.bare(scene, 2, 'bare-edit'))).toBe('')
  },
)
