import { chmod, mkdir, readFile, readdir, rename, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { join, normalize } from 'node:path'
import type { Logger } from 'pino'
import { z } from 'zod'
import { Sha256 } from '../../shared/protocol/ids.ts'
import { WorkFailure, errorCode, isDiskFull } from '../failure.ts'
import { download } from '../transfer/download.ts'
import type { Patience } from '../transfer/patience.ts'
import type { AskAddresses } from '../transfer/file-addresses.ts'
import { extractZip, unpackedBytes } from './extract-zip.ts'
import { CacheSpace } from './cache-space.ts'
import { FileCache } from './file-cache.ts'
import type { HeldScene, SceneSource } from './held-scene.ts'
import { ProjectCache } from './project-cache.ts'
import { goneIfMissing, sealOfTree } from './tree-seal.ts'

/**
 * Written last: a folder without it is a download that has not ended. One without a seal comes from a worker that let
 * tasks write into the tree; it is fetched anew.
 */
const Complete = z.strictObject({ kind: z.enum(['blend', 'zip', 'project']), bytes: z.int().min(0), seal: z.string() })
const COMPLETE = 'complete.json'
const PART = 'download.part'
const BLEND = 'scene.blend'
const TREE = 'tree'
/** Where the files of all projects lie, beside the scenes. */
const FILES = 'files'

interface Filling {
  readonly done: Promise<void>
  readonly abort: AbortController
  waiters: number
}

export interface SceneCacheOptions {
  readonly bytesMax: number
  readonly patience: Patience
  readonly log: Logger
  readonly askForRoom: () => void
  readonly addresses: AskAddresses
}

/** Scenes by SHA-256 in a folder of limited size; the least recently used go first, one in use never goes. */
export class SceneCache {
  readonly #folder: string
  readonly #space: CacheSpace
  readonly #projects: ProjectCache
  readonly #patience: Patience
  readonly #log: Logger
  readonly #filling = new Map<Sha256, Filling>()
  /** Seals of the scenes that are whole. */
  readonly #complete = new Map<Sha256, string>()
  /** One scene is fetched at a time: two half-filled ones could wait for each other's room forever. */
  #turn: Promise<void> = Promise.resolve()

  private constructor(folder: string, options: SceneCacheOptions) {
    this.#folder = folder
    this.#patience = options.patience
    this.#log = options.log
    this.#space = new CacheSpace({
      bytesMax: options.bytesMax,
      askForRoom: options.askForRoom,
      remove: async (key) => {
        if (!(await files.removeKey(key))) await this.#remove(Sha256.parse(key))
      },
    })
    const files = new FileCache(join(folder, FILES), this.#space, options.log)
    this.#projects = new ProjectCache({ folder, files, space: this.#space, ...options })
  }

  /**
   * Takes over what an earlier run left in `folder`. `askForRoom` is called when only scenes in use stand in the way,
   * and should let go of those that are kept open without need; whoever lets go of one later asks `needsRoom`.
   */
  static async open(folder: string, options: SceneCacheOptions): Promise<SceneCache> {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const cache = new SceneCache(folder, options)
    for (const name of await readdir(folder)) if (name !== FILES) await cache.#adopt(name)
    await cache.#projects.adoptFiles()
    return cache
  }

  get bytes(): number {
    return this.#space.bytes
  }

  /** Whether a scene waits for room that only scenes in use take: what is kept open without need should be let go. */
  get needsRoom(): boolean {
    return this.#space.isShort
  }

  has(sha256: Sha256): boolean {
    return this.#complete.has(sha256)
  }

  /**
   * Gives a scene, fetching it first where it is not here. Throws WorkFailure: `scene_download_failed`, `disk_full`
   * (also for one larger than the whole cache), `blend_unreadable`; rejects with the signal's reason when aborted.
   */
  async acquire(source: SceneSource, signal: AbortSignal): Promise<HeldScene> {
    const { sha256 } = source
    await this.#space.pin(sha256)
    try {
      if (source.kind === 'project') return await this.#acquireProject(source, signal)
      while (!this.#complete.has(sha256)) await this.#waitForFilling(source, signal)
      const seal = this.#complete.get(sha256) ?? ''
      const blendPath = await this.#blendPath(source)
      await this.#noteUse(sha256)
      return this.#hold(sha256, blendPath, seal)
    } catch (error) {
      this.#space.unpin(sha256)
      throw error
    }
  }

  async #acquireProject(source: SceneSource, signal: AbortSignal): Promise<HeldScene> {
    const { sha256 } = source
    for (;;) {
      const held = this.#complete.has(sha256) ? await this.#projects.hold(sha256) : undefined
      if (held === undefined) await this.#waitForFilling(source, signal)
      else {
        await this.#noteUse(sha256)
        return held
      }
    }
  }

  async #noteUse(sha256: Sha256): Promise<void> {
    const lastUsed = new Date(this.#space.touch(sha256))
    await utimes(join(this.#folder, sha256, COMPLETE), lastUsed, lastUsed)
  }

  async #remove(sha256: Sha256): Promise<void> {
    this.#complete.delete(sha256)
    this.#projects.forget(sha256)
    await rm(join(this.#folder, sha256), { recursive: true, force: true })
    this.#log.info({ scene: sha256 }, 'scene removed from the cache')
  }

  /** Wraps a pin that was taken already. */
  #hold(sha256: Sha256, blendPath: string, seal: string): HeldScene {
    let isOpen = true
    return {
      sha256,
      tree: join(this.#folder, sha256, TREE),
      blendPath,
      seal,
      intact: () => this.#isIntact(sha256, seal),
      share: () => {
        this.#space.pinAgain(sha256)
        return this.#hold(sha256, blendPath, seal)
      },
      close: () => {
        if (isOpen) this.#space.unpin(sha256)
        isOpen = false
      },
    }
  }

  async #isIntact(sha256: Sha256, seal: string): Promise<boolean> {
    if (this.#complete.get(sha256) !== seal) return false
    const now = await sealOfTree(join(this.#folder, sha256, TREE)).catch(goneIfMissing)
    if (now === seal) return true
    // Somebody else may have seen it first, and it may be whole again.
    if (this.#complete.get(sha256) !== seal) return false
    this.#complete.delete(sha256)
    await rm(join(this.#folder, sha256, COMPLETE), { force: true })
    this.#log.warn({ scene: sha256 }, 'something has written into the files of a cached scene; it is fetched anew')
    return false
  }

  async #adopt(name: string): Promise<void> {
    const folder = join(this.#folder, name)
    const sha256 = Sha256.safeParse(name)
    if (!sha256.success) {
      await rm(folder, { recursive: true, force: true })
      return
    }
    try {
      const path = join(folder, COMPLETE)
      const { kind, bytes, seal } = Complete.parse(JSON.parse(await readFile(path, 'utf8')))
      const { mtimeMs } = await stat(path)
      if (kind === 'project') await this.#projects.noteUsed(sha256.data, mtimeMs)
      this.#space.adopt(sha256.data, bytes, mtimeMs)
      this.#complete.set(sha256.data, seal)
    } catch (error) {
      if (errorCode(error) !== 'ENOENT')
        this.#log.warn({ scene: name, error: String(error) }, 'record of a cached scene is unreadable')
      await rm(join(folder, TREE), { recursive: true, force: true })
      const part = await stat(join(folder, PART)).catch(() => undefined)
      const bytes = (part?.size ?? 0) + (await this.#projects.bytesBegun(sha256.data))
      if (bytes === 0) await rm(folder, { recursive: true, force: true })
      else this.#space.adopt(sha256.data, bytes, part?.mtimeMs ?? 0)
    }
  }

  async #waitForFilling(source: SceneSource, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    const filling = this.#filling.get(source.sha256) ?? this.#startFilling(source)
    filling.waiters++
    let giveUp = (): void => undefined
    const aborted = new Promise<never>((_resolve, reject) => {
      giveUp = () => reject(signal.reason)
      signal.addEventListener('abort', giveUp, { once: true })
    })
    try {
      await Promise.race([filling.done, aborted])
    } finally {
      signal.removeEventListener('abort', giveUp)
      // The download goes on for whoever else waits for it; the last one to leave ends it.
      if (--filling.waiters === 0) {
        if (this.#filling.get(source.sha256) === filling) this.#filling.delete(source.sha256)
        filling.abort.abort(new Error('nobody waits for this scene any more'))
      }
    }
  }

  #startFilling(source: SceneSource): Filling {
    const abort = new AbortController()
    const done = this.#turn
      .then(() => this.#fill(source, abort.signal))
      .finally(() => {
        if (this.#filling.get(source.sha256) === filling) this.#filling.delete(source.sha256)
      })
    const filling: Filling = { done, abort, waiters: 0 }
    this.#filling.set(source.sha256, filling)
    // Whether it failed is told to those who wait for it; the next one's turn comes either way.
    this.#turn = done.catch(() => undefined)
    return filling
  }

  async #fill(source: SceneSource, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (source.kind === 'project')
      return this.#projects.fill(source, signal, async (bytes) => {
        await this.#writeComplete(join(this.#folder, source.sha256), { kind: 'project', bytes, seal: '' })
        this.#complete.set(source.sha256, '')
      })
    if (this.#complete.has(source.sha256)) return
    const folder = join(this.#folder, source.sha256)
    const part = join(folder, PART)
    try {
      await this.#space.reserve(source.sha256, source.bytes, signal)
      await mkdir(folder, { recursive: true, mode: 0o700 })
      await rm(join(folder, TREE), { recursive: true, force: true })
      await download({
        url: source.url,
        path: part,
        bytes: source.bytes,
        sha256: source.sha256,
        patience: this.#patience,
        signal,
        log: this.#log,
      })
      const bytes =
        source.kind === 'zip' ? await this.#unpack(source, folder, signal) : await this.#keep(source, folder)
      const seal = await sealOfTree(join(folder, TREE))
      await this.#writeComplete(folder, { kind: source.kind, bytes, seal })
      await this.#space.reserve(source.sha256, bytes, signal)
      this.#complete.set(source.sha256, seal)
      this.#log.info({ scene: source.sha256, bytes }, 'scene is in the cache')
    } catch (error) {
      await rm(join(folder, TREE), { recursive: true, force: true })
      if (isDiskFull(error) || (error instanceof WorkFailure && error.code !== 'scene_download_failed'))
        await rm(folder, { recursive: true, force: true })
      this.#space.settle(source.sha256, (await stat(part).catch(() => undefined))?.size ?? 0)
      throw error
    }
  }

  async #writeComplete(folder: string, complete: z.infer<typeof Complete>): Promise<void> {
    await writeFile(join(folder, `${COMPLETE}.new`), JSON.stringify(complete))
    await rename(join(folder, `${COMPLETE}.new`), join(folder, COMPLETE))
  }

  async #keep(source: SceneSource, folder: string): Promise<number> {
    await mkdir(join(folder, TREE), { mode: 0o700 })
    await chmod(join(folder, PART), 0o444)
    await rename(join(folder, PART), join(folder, TREE, BLEND))
    return source.bytes
  }

  async #unpack(source: SceneSource, folder: string, signal: AbortSignal): Promise<number> {
    const bytes = await unpackedBytes(join(folder, PART))
    await this.#space.reserve(source.sha256, source.bytes + bytes, signal)
    await mkdir(join(folder, TREE), { mode: 0o700 })
    await extractZip(join(folder, PART), join(folder, TREE), bytes, signal)
    await rm(join(folder, PART))
    return bytes
  }

  async #blendPath(source: SceneSource): Promise<string> {
    const tree = join(this.#folder, source.sha256, TREE)
    if (source.kind === 'blend') return join(tree, BLEND)
    if (source.mainBlend === undefined)
      throw new WorkFailure(
        'blend_unreadable',
        'the scene is a zip file and the lease does not say which .blend in it to open',
      )
    const inside = normalize(source.mainBlend)
    if (inside.startsWith('..') || inside.startsWith('/'))
      throw new WorkFailure(
        'blend_unreadable',
        `the main .blend ${JSON.stringify(source.mainBlend)} lies outside of the scene's zip file`,
      )
    const path = join(tree, inside)
    if ((await stat(path).catch(() => undefined))?.isFile() !== true)
      throw new WorkFailure('blend_unreadable', `the scene's zip file has no file ${JSON.stringify(source.mainBlend)}`)
    return path
  }
}
