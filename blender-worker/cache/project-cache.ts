import { mkdir, rename, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Sha256 } from '../../shared/protocol/ids.ts'
import { isDiskFull } from '../failure.ts'
import { download } from '../transfer/download.ts'
import type { AskAddresses } from '../transfer/file-addresses.ts'
import type { Patience } from '../transfer/patience.ts'
import type { CacheSpace } from './cache-space.ts'
import { nameOfFile, type FileCache } from './file-cache.ts'
import type { HeldScene, SceneSource } from './held-scene.ts'
import { bytesOfParts, fetchFiles, readProject, type Project } from './project-scene.ts'

const MANIFEST = 'manifest.json'
const MANIFEST_PART = 'manifest.part'
const PARTS = 'parts'
const TREE = 'tree'
/** Lists of files kept in memory: a worker with many slots renders few projects at a time. */
const PROJECTS_KEPT = 4

export interface ProjectCacheOptions {
  /** Of all scenes; a project has its list there, in a folder of its own. */
  readonly folder: string
  readonly files: FileCache
  readonly space: CacheSpace
  readonly bytesMax: number
  readonly addresses: AskAddresses
  readonly patience: Patience
  readonly log: Logger
}

/** Scenes that are lists of files: the list by itself, and each file by its content, whatever projects it is in. */
export class ProjectCache {
  readonly #options: ProjectCacheOptions
  readonly #known = new Map<Sha256, Project>()
  /** When each file was last used, of what an earlier run left. */
  readonly #usedAtMs = new Map<string, number>()

  constructor(options: ProjectCacheOptions) {
    this.#options = options
  }

  /** Tells that an earlier run used a project, and so its files, at that time. */
  async noteUsed(sha256: Sha256, atMs: number): Promise<void> {
    const project = await readProject(join(this.#options.folder, sha256, MANIFEST))
    for (const name of project?.names ?? []) this.#usedAtMs.set(name, Math.max(atMs, this.#usedAtMs.get(name) ?? 0))
  }

  /** Takes over the files that an earlier run left, once all its projects are noted. */
  async adoptFiles(): Promise<void> {
    await this.#options.files.adopt((name) => this.#usedAtMs.get(name) ?? 0)
    this.#usedAtMs.clear()
  }

  /** Bytes of files of a project that an earlier run began to fetch. */
  async bytesBegun(sha256: Sha256): Promise<number> {
    return bytesOfParts(join(this.#options.folder, sha256, PARTS))
  }

  forget(sha256: Sha256): void {
    this.#known.delete(sha256)
  }

  /** A project whose list is here, if all its files are, too; it takes over a pin on the list. */
  async hold(sha256: Sha256): Promise<HeldScene | undefined> {
    const project = await this.#project(sha256)
    if (project === undefined) return undefined
    const lacking = new Set(await this.#options.files.pin(project.names))
    if (lacking.size === 0) return this.#hold(sha256, project)
    this.#options.files.unpin(project.names.filter((name) => !lacking.has(name)))
    return undefined
  }

  /**
   * Fetches the list of a project and those of its files that are not here. `onWhole` is told the length of the list
   * when all are here, before they can be removed again.
   */
  async fill(source: SceneSource, signal: AbortSignal, onWhole: (listBytes: number) => Promise<void>): Promise<void> {
    const { files, space, bytesMax, addresses, patience, log } = this.#options
    const { sha256, manifestBytes: listBytes = 0 } = source
    const folder = join(this.#options.folder, sha256)
    const partsFolder = join(folder, PARTS)
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const project = await this.#fetchManifest(source, listBytes, signal)
    const lacking = await files.pin(project.names)
    const pinned = new Set(project.names)
    for (const name of lacking) pinned.delete(name)
    let bytesLeft = lacking.reduce((sum, name) => sum + (project.byName.get(name)?.bytes ?? 0), 0)
    const bytesMissing = bytesLeft
    try {
      if (project.bytes + listBytes > bytesMax) await space.reserve(sha256, project.bytes, signal)
      await space.reserve(sha256, listBytes + bytesLeft, signal)
      await fetchFiles({
        scene: sha256,
        project,
        lacking,
        partsFolder,
        cache: files,
        addresses,
        patience,
        signal,
        log,
        onTaken: (name, bytes) => {
          pinned.add(name)
          bytesLeft -= bytes
          space.settle(sha256, listBytes + bytesLeft)
        },
      })
      space.settle(sha256, listBytes)
      await onWhole(listBytes)
      log.info(
        { scene: sha256, files: project.names.length, fetched: lacking.length, bytes: bytesMissing },
        'project is in the cache',
      )
    } catch (error) {
      if (isDiskFull(error)) await rm(partsFolder, { recursive: true, force: true })
      space.settle(sha256, listBytes + (await bytesOfParts(partsFolder)))
      throw error
    } finally {
      // Whoever waited for them has taken pins of its own by then.
      setImmediate(() => files.unpin([...pinned]))
    }
  }

  /** Wraps pins, of the project and its files, that were taken already. */
  #hold(sha256: Sha256, project: Project): HeldScene {
    const { files, space } = this.#options
    const tree = join(this.#options.folder, sha256, TREE)
    const seal = files.sealOf(project.names)
    let isOpen = true
    return {
      sha256,
      tree,
      blendPath: join(tree, project.main),
      files: project.files.map((file) => ({ path: file.path, from: files.pathOf(nameOfFile(file)) })),
      seal,
      intact: async () => (await files.intact(project.names)) && files.sealOf(project.names) === seal,
      share: () => {
        space.pinAgain(sha256)
        files.pinAgain(project.names)
        return this.#hold(sha256, project)
      },
      close: () => {
        if (!isOpen) return
        isOpen = false
        space.unpin(sha256)
        files.unpin(project.names)
      },
    }
  }

  /** The list of files of a project that is complete, or was; undefined when it is not here. */
  async #project(sha256: Sha256): Promise<Project | undefined> {
    const project = this.#known.get(sha256) ?? (await readProject(join(this.#options.folder, sha256, MANIFEST)))
    if (project === undefined) return undefined
    this.#known.delete(sha256)
    this.#known.set(sha256, project)
    for (const oldest of this.#known.keys()) if (this.#known.size > PROJECTS_KEPT) this.#known.delete(oldest)
    return project
  }

  async #fetchManifest(source: SceneSource, bytes: number, signal: AbortSignal): Promise<Project> {
    const { sha256, url } = source
    const known = await this.#project(sha256)
    if (known !== undefined) return known
    const { folder: scenes, space, patience, log } = this.#options
    const folder = join(scenes, sha256)
    await space.reserve(sha256, bytes, signal)
    await download({ url, path: join(folder, MANIFEST_PART), bytes, sha256, patience, signal, log })
    await rename(join(folder, MANIFEST_PART), join(folder, MANIFEST))
    const project = await this.#project(sha256)
    if (project === undefined) throw new Error(`the list of files of ${sha256} has gone`)
    return project
  }
}
