// Which scenes a folder has, and what of it each needs.

import { existsSync } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { readBlend } from '../../shared/adapters/scene-files/read-blend.ts'
import type { ExternalFile } from '../../shared/protocol/scene-facts.ts'

export interface FoundScene {
  /** Path below the folder, for people. */
  readonly name: string
  /** The .blend or the .zip. */
  readonly path: string
  /** The folder that goes in as a .zip with it; absent when the file is handed in as it is. */
  readonly project?: string
}

/** Every .blend and .zip below `folder`, by name. Folders and files whose name begins with a dot are passed over. */
export async function findScenes(folder: string): Promise<FoundScene[]> {
  if (!(await stat(folder)).isDirectory()) throw new Error(`${folder} is no folder`)
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const paths = entries
    .filter((entry) => entry.isFile() && /\.(blend|zip)$/i.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .filter(
      (path) =>
        !relative(folder, path)
          .split(sep)
          .some((step) => step.startsWith('.')),
    )
    .sort()
  return Promise.all(
    paths.map(async (path) => {
      const project = /\.zip$/i.test(path) ? undefined : await projectOf(path, folder)
      return { name: relative(folder, path), path, ...(project === undefined ? {} : { project }) }
    }),
  )
}

/** The lowest folder, `top` at most, that holds the .blend and what it names of the files that are there. */
async function projectOf(path: string, top: string): Promise<string | undefined> {
  const read = await readBlend(path)
  if (!read.ok) return undefined // what it is, the farm shall say
  const folder = dirname(path)
  const named = read.value.externalFiles
    .filter((file) => !file.packed && file.path.startsWith('//'))
    .map((file) => placeOf(file, folder))
  const there = named.filter((place) => place.startsWith(top + sep) && existsSync(place))
  return there.length === 0 ? undefined : there.reduce((lowest, place) => commonFolder(lowest, dirname(place)), folder)
}

/** The file, or the folder of a sequence or of tiles. */
function placeOf({ path, span }: ExternalFile, folder: string): string {
  const place = resolve(folder, path.slice(2).replaceAll('\\', '/'))
  return span === 'file' ? place : join(dirname(place), '.')
}

function commonFolder(one: string, other: string): string {
  let folder = one
  while (folder !== other && !other.startsWith(folder + sep)) folder = dirname(folder)
  return folder
}
