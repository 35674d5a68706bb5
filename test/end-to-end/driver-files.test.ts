// What image a frame is, where the scene's own settings do not say it plainly: against bare Blender, whole and in
// tiles.

import { execFile } from 'node:child_process'
import { mkdir, readdir } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { promisify } from 'node:util'
import sharp from 'sharp'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { BlenderProcess } from '../../blender-worker/blender/process.ts'
import { checkExr } from '../../shared/adapters/imaging/exr-check.ts'
import { Lab, type Region, differences } from '../fixtures/driver/lab.ts'

const run = promisify(execFile)
/** Seconds on idle cores; a Blender that compiles its shaders on busy ones takes minutes. */
const TIMEOUT_MS = 480_000
const WHOLE: Region = { x: 0, y: 0, width: 96, height: 54 }
/** `--render-format PNG --render-frame N`, for Blender as a module. */
const BARE_PNG_MODULE = `
import bpy, os, sys
bpy.ops.wm.open_mainfile(filepath=sys.argv[1])
render = bpy.context.scene.render
if hasattr(render.image_settings, "media_type"):
    render.image_settings.media_type = "IMAGE"
render.image_settings.file_format = "PNG"
render.filepath = sys.argv[2]
bpy.context.scene.frame_start = bpy.context.scene.frame_end = int(sys.argv[3])
bpy.ops.render.render(animation=True)
os._exit(0)
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

async function open(features: string): Promise<string> {
  const path = await lab.scene(features)
  expect(await blender.run('open', { path })).toMatchObject({ ok: true })
  return path
}

async function barePng(scene: string, frame: number): Promise<string> {
  const pattern = lab.path('bare-png_####')
  const asPng = ['--render-format', 'PNG', '--render-output', pattern, '--render-frame', String(frame)]
  const byProgram = ['--background', scene, '-noaudio', ...asPng]
  const byModule = ['-c', BARE_PNG_MODULE, scene, pattern, String(frame)]
  await run(lab.executable, lab.launch === 'module' ? byModule : byProgram)
  return lab.path(`bare-png_${String(frame).padStart(4, '0')}.png`)
}

describe('a colour mode that does not go with the stored format', () => {
  const asked = { format: { file: 'png' } }
  it.each([
    ['as the scene is', {}],
    ['as a job asks', asked],
  ])(
    'counts as in bare Blender: %s',
    async (how, settings) => {
      const scene = await open('video-with-alpha')
      const name = how.replaceAll(' ', '-')
      for (const frame of [1, 2]) {
        const bare = await barePng(scene, frame)
        expect((await sharp(bare).metadata()).channels).toBe(4)
        const whole = { final: lab.path(`${name}-${frame}-whole.png`), raw: lab.path('raw.exr') }
        const rendered = await blender.run('render', { mode: 'frame', frame, settings, outputs: whole, device: 'CPU' })
        expect(rendered).toMatchObject({ ok: true })
        expect(await differences(bare, whole.final)).toBe('')
        const grid = { region: WHOLE, columns: 2, rows: 1, overscanPx: 0 }
        const stitched = await lab.tiles(blender, { frame, ...grid, name: `${name}-${frame}`, settings })
        const outputs = { final: lab.path(`${name}-${frame}-finished.png`) }
        expect(await blender.run('finish', { frame, settings, stitched, outputs })).toMatchObject({ ok: true })
        expect(await differences(bare, outputs.final)).toBe('')
      }
    },
    TIMEOUT_MS,
  )

  it(
    'counts for nothing in a JPEG, as in bare Blender',
    async () => {
      const scene = await open('jpeg-with-alpha')
      const bare = await lab.bare(scene, 1, 'bare-jpeg')
      expect(await sharp(bare).metadata()).toMatchObject({ format: 'jpeg', channels: 3 })
      const whole = { final: lab.path('jpeg-whole.jpg') }
      const rendered = await blender.run('render', { mode: 'frame', frame: 1, outputs: whole, device: 'CPU' })
      expect(rendered).toMatchObject({ ok: true })
      expect(await differences(bare, whole.final)).toBe('')
      const grid = { region: WHOLE, columns: 2, rows: 1, overscanPx: 0 }
      const stitched = await lab.tiles(blender, { frame: 1, ...grid, name: 'jpeg' })
      const outputs = { final: lab.path('jpeg-finished.jpg') }
      expect(await blender.run('finish', { frame: 1, stitched, outputs })).toMatchObject({ ok: true })
      expect(await differences(bare, outputs.final)).toBe('')
    },
    TIMEOUT_MS,
  )
})

describe('a scene that writes files by its compositor and has no image of its own', () => {
  const formats = [
    ['png', 'png'],
    ['exr-multilayer', 'exr'],
  ] as const
  it.each(formats)(
    'gives those files, and an empty image where one is asked for: %s',
    async (file, extension) => {
      const scene = await open('only-file-outputs')
      await lab.bareFiles(scene, [1, 1], `mix-${file}`)
      const bare = (await readdir(lab.path('passes'))).sort().map((each) => join(lab.path('passes'), each))
      expect(bare).toHaveLength(2)
      const extraDir = lab.path(`extra-${file}`)
      await mkdir(extraDir)
      const to = (name: string): string => lab.path(`mix-${file}${name}`)
      const outputs = { final: to(`.${extension}`), raw: to('-raw.exr'), display: to('-display.png'), extraDir }
      const settings = { format: { file } }
      const rendered = await blender.run('render', { mode: 'frame', frame: 1, settings, outputs, device: 'CPU' })
      if (!rendered.ok) throw new Error(rendered.message)
      expect(Object.keys(rendered.value.files).sort()).toEqual(['display', 'final', 'raw'])
      const extra = rendered.value.extra.map(({ path }) => path).sort()
      expect(extra.map((path) => basename(path).split('_')[0])).toEqual(
        bare.map((path) => basename(path).split('_')[0]),
      )
      for (const [index, path] of bare.entries()) expect(await differences(path, extra[index] ?? '')).toBe('')
      expect(await checkExr(outputs.raw, WHOLE)).toEqual({ ok: true })
      if (extension === 'exr') expect(await checkExr(outputs.final, WHOLE)).toEqual({ ok: true })
      for (const path of [outputs.display, ...(extension === 'png' ? [outputs.final] : [])]) {
        // Black, which is dithered.
        const { channels } = await sharp(path).stats()
        expect(Math.max(...channels.slice(0, 3).map(({ max }) => max))).toBeLessThanOrEqual(1)
        expect(await sharp(path).metadata()).toMatchObject({ width: WHOLE.width, height: WHOLE.height })
      }
    },
    TIMEOUT_MS,
  )
})
