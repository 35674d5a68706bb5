import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { projectFile } from './project-file.ts'

const run = promisify(execFile)
const SCRIPT = projectFile('test/fixtures/tiny-scene.py')

/**
 * Builds the tiny scene with real Blender. Features: `adaptive`, `border` or `border-crop`, `cloth`, `rigid`,
 * `texture`.
 */
export async function buildTinyScene(path: string, ...features: string[]): Promise<string> {
  await run('blender', [
    '-b',
    '--factory-startup',
    '-noaudio',
    '--python-exit-code',
    '9',
    '--python',
    SCRIPT,
    '--',
    path,
    ...features,
  ])
  return path
}

/** What the artist's own machine writes for the whole animation, in one go: paths by frame number. */
export async function renderBareAnimation(blend: string, folder: string): Promise<Map<number, string>> {
  await run('blender', ['-b', blend, '-noaudio', '-o', join(folder, 'animation-####'), '-a'])
  const names = (await readdir(folder)).filter((each) => /^animation-\d{4}\.png$/.test(each)).sort()
  return new Map(names.map((name) => [Number(name.slice(10, 14)), join(folder, name)]))
}

/** What the artist's own machine writes for a frame: bare Blender, no farm. */
export async function renderBare(blend: string, folder: string, frame: number): Promise<string> {
  await run('blender', ['-b', blend, '-noaudio', '-o', join(folder, `bare-${frame}-####`), '-f', String(frame)])
  const name = (await readdir(folder)).find((each) => each.startsWith(`bare-${frame}-`))
  if (name === undefined) throw new Error(`Blender wrote nothing for frame ${frame}`)
  return join(folder, name)
}

const FLOAT_EXR =
  'import bpy; s = bpy.context.scene.render.image_settings; s.file_format ' +
  '= "OPEN_EXR"; s.color_depth = "32"; s.exr_codec = "ZIP"'

/** The same as 32-bit float EXR, whatever the scene itself writes. */
export async function renderBareFloat(blend: string, folder: string, frame: number): Promise<string> {
  await run('blender', [
    '-b',
    blend,
    '-noaudio',
    '--python-expr',
    FLOAT_EXR,
    '-o',
    join(folder, 'float-####'),
    '-f',
    String(frame),
  ])
  return join(folder, `float-${String(frame).padStart(4, '0')}.exr`)
}
