import { copyFile, mkdir, mkdtemp, readdir, rm, stat, symlink } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import type { z } from 'zod'
import type { SceneAliases } from '../../shared/protocol/scene.ts'
import { goneIfMissing, sealOfTree } from '../cache/tree-seal.ts'
import type { HeldScene } from '../cache/held-scene.ts'
import { eachAtOnce } from '../each-at-once.ts'
import { errorCode, WorkFailure } from '../failure.ts'

/** Folders above the project, so that a scene which writes to `//../` is seen to do so. */
const ABOVE = ['above', 'above', 'project']
const AT_ONCE = 64

/** What a scene and its files are called in a view, where that is not what they are called in the cache. */
export interface SceneNames {
  /** Of a .blend without a project. */
  readonly blendName?: string | undefined
  /** Names under which files of a project are to be found as well. */
  readonly aliases?: z.infer<typeof SceneAliases> | undefined
}

/**
 * A scene as one Blender sees it: real folders of its own with links to the files of the cache. What a task writes
 * beside the .blend (caches of simulations, textures, bakes) comes to lie here, where it works as on the artist's
 * machine, and neither another slot nor the cache has it. `untouched` tells before the next task whether anything was
 * left; if so the view is thrown away together with the Blender that wrote it.
 */
export class ProjectView {
  readonly blendPath: string
  readonly #folder: string
  readonly #seal: string

  private constructor(folder: string, blendPath: string, seal: string) {
    this.#folder = folder
    this.blendPath = blendPath
    this.#seal = seal
  }

  /** Lays a scene out in a new folder below `parent`. */
  static async make(
    scene: Pick<HeldScene, 'tree' | 'blendPath' | 'files'>,
    parent: string,
    { blendName, aliases = [] }: SceneNames = {},
  ): Promise<ProjectView> {
    await mkdir(parent, { recursive: true })
    const folder = await mkdtemp(join(parent, 'view-'))
    const top = join(folder, ...ABOVE)
    try {
      await mkdir(top, { recursive: true })
      if (blendName !== undefined) await linkOne(resolve(scene.blendPath), join(top, blendName))
      else if (scene.files === undefined) await linkAll(resolve(scene.tree), top)
      else await linkFiles(scene.files, top)
      await linkAliases(scene, aliases, top)
      const blendPath = join(top, blendName ?? relative(scene.tree, scene.blendPath))
      return new ProjectView(folder, blendPath, await sealOfTree(folder))
    } catch (error) {
      await rm(folder, { recursive: true, force: true })
      throw error
    }
  }

  /** False when something was written, changed or removed since the view was made. */
  async untouched(): Promise<boolean> {
    return (await sealOfTree(this.#folder).catch(goneIfMissing)) === this.#seal
  }

  /** Where the OpenColorIO configuration of the project lies. Throws WorkFailure when it has none there. */
  async ocio(path: string): Promise<string> {
    const here = join(this.#folder, ...ABOVE, path)
    const found = await stat(here).catch(() => undefined)
    if (found?.isFile() === true) return here
    throw new WorkFailure(
      'blend_unreadable',
      `the project has no file ${path}, which the job names as OpenColorIO configuration (settings.ocio, --ocio); ` +
        'name it from the top folder of the project',
    )
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true })
  }
}

async function linkAll(from: string, to: string): Promise<void> {
  const entries = await readdir(from, { withFileTypes: true })
  for (let at = 0; at < entries.length; at += AT_ONCE) {
    const some = entries.slice(at, at + AT_ONCE).map((entry) => {
      const target = join(to, entry.name)
      return entry.isDirectory() ? mkdir(target) : linkOne(join(from, entry.name), target)
    })
    await Promise.all(some)
  }
  for (const entry of entries) if (entry.isDirectory()) await linkAll(join(from, entry.name), join(to, entry.name))
}

async function linkFiles(files: NonNullable<HeldScene['files']>, to: string): Promise<void> {
  const folders = new Set(files.map(({ path }) => dirname(path)))
  for (const folder of folders) await mkdir(join(to, folder), { recursive: true })
  await eachAtOnce(files, AT_ONCE, ({ path, from }) => linkOne(resolve(from), join(to, path)))
}

/** Links under the other names, where nothing lies yet: some systems do not tell these names apart. */
async function linkAliases(
  { tree, files }: Pick<HeldScene, 'tree' | 'files'>,
  aliases: NonNullable<SceneNames['aliases']>,
  to: string,
): Promise<void> {
  const places = new Map(files?.map(({ path, from }) => [path, from]))
  for (const { asked, path } of aliases) {
    const from = files === undefined ? join(tree, path) : places.get(path)
    if (from === undefined) continue
    await mkdir(dirname(join(to, asked)), { recursive: true })
    await linkOne(resolve(from), join(to, asked)).catch((error: unknown) => {
      if (errorCode(error) !== 'EEXIST') throw error
    })
  }
}

async function linkOne(from: string, to: string): Promise<void> {
  try {
    await symlink(from, to)
  } catch (error) {
    // Windows lets only some users make links.
    if (errorCode(error) !== 'EPERM') throw error
    await copyFile(from, to)
  }
}
