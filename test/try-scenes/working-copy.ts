// A copy of a scene for bare Blender, which writes beside it; and the file that is handed in.

import { createWriteStream } from 'node:fs'
import { copyFile, cp, mkdir, readdir, stat } from 'node:fs/promises'
import { basename, extname, join, relative } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { ZipFile } from 'yazl'
import { extractZip } from '../../blender-worker/cache/extract-zip.ts'
import type { FoundScene } from './find-scenes.ts'

const PROJECT_BYTES_MAX = 500 * 1024 ** 2

/** What is sent to the farm; `main` is the .blend in a .zip that was made here. */
export interface HandedIn {
  readonly path: string
  readonly main?: string
}

/** The scene's own file, or a .zip of its project made in `folder`. Throws when that is larger than 500 MiB. */
export async function fileToHandIn(scene: FoundScene, folder: string): Promise<HandedIn> {
  const { project } = scene
  if (project === undefined) return { path: scene.path }
  const files = (await readdir(project, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && extname(entry.name).toLowerCase() !== '.zip')
    .map((entry) => join(entry.parentPath, entry.name))
  const bytes = (await Promise.all(files.map((file) => stat(file)))).reduce((sum, { size }) => sum + size, 0)
  if (bytes > PROJECT_BYTES_MAX)
    throw new Error(
      `its project has ${Math.round(bytes / 1024 ** 2)} MiB, and ${PROJECT_BYTES_MAX / 1024 ** 2} are the limit here`,
    )
  const zip = new ZipFile()
  for (const file of files.sort()) zip.addFile(file, relative(project, file))
  zip.end()
  const path = join(folder, `${basename(scene.path, extname(scene.path))}.zip`)
  await pipeline(zip.outputStream, createWriteStream(path))
  return { path, main: relative(project, scene.path) }
}

/** Copies or unpacks the scene below `folder`; answers its .blend there: in a .zip `main`, as the farm chose it. */
export async function workingCopy(
  scene: FoundScene,
  folder: string,
  main: string | undefined,
  signal: AbortSignal,
): Promise<string> {
  const copy = join(folder, 'copy')
  await mkdir(copy, { recursive: true })
  if (scene.project !== undefined) {
    await cp(scene.project, copy, { recursive: true })
    return join(copy, relative(scene.project, scene.path))
  }
  if (main !== undefined) {
    await extractZip(scene.path, copy, 2 * PROJECT_BYTES_MAX, signal)
    return join(copy, main)
  }
  const path = join(copy, basename(scene.path))
  await copyFile(scene.path, path)
  return path
}
