import { mkdir, rename, rm, statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import type { Logger } from 'pino'
import type { FailureCode } from '../../shared/protocol/failure.ts'
import type { Sha256 } from '../../shared/protocol/ids.ts'
import type { Inspection } from '../../shared/protocol/inspection.ts'
import type { Lease, Work } from '../../shared/protocol/messages.ts'
import type { DeviceKind } from '../../shared/protocol/worker.ts'
import type { HeldScene } from '../cache/held-scene.ts'
import { WorkFailure } from '../failure.ts'
import { leaseKey } from '../lease-key.ts'
import { perform, type Performed } from './perform.ts'
import { ProjectView, type SceneNames } from './project-view.ts'
import type { NewRenderer, RenderProgress, Renderer } from './renderer.ts'

/**
 * How long Blender stays open with nothing to do: opening a heavy scene again costs minutes, keeping it costs its
 * memory.
 */
export const IDLE_CLOSE_MS = 10 * 60_000

/** With less than this left, a render that failed did so for want of room. */
const FREE_BYTES_MIN = 1024 * 1024
const DISK_FULL_MAY_LOOK_LIKE: readonly FailureCode[] = ['output_invalid', 'blender_error', 'blender_crashed']

export interface SlotOptions {
  /** Blender may write below it and nowhere else. */
  readonly folder: string
  readonly newRenderer: NewRenderer
  readonly device: DeviceKind
  readonly threads: number | undefined
  readonly idleCloseMs: number
  readonly log: Logger
}

export interface SlotRun {
  readonly lease: Lease
  readonly scene: HeldScene
  readonly stitchedPath: string | undefined
  readonly signal: AbortSignal
  readonly onProgress: (frame: number, progress: RenderProgress) => void
}

/** What an inspection came to. */
export interface Inspected {
  readonly inspection: Inspection
  readonly seconds: number
}

/** A Blender, the scene that it has open, and the folder in which it sees it. */
interface Open {
  readonly renderer: Renderer
  readonly scene: HeldScene
  readonly names: SceneNames
  /** The OpenColorIO configuration that its Blender was started with, as the job names it. */
  readonly ocio: string | undefined
  readonly view: ProjectView
}

/** A place where one lease at a time is rendered, with a Blender that stays open for the next one of the same scene. */
export class Slot {
  readonly #options: SlotOptions
  #open: Open | undefined
  #idleTimer: NodeJS.Timeout | undefined
  busy = false

  constructor(options: SlotOptions) {
    this.#options = options
  }

  get openScene(): Sha256 | undefined {
    return this.#open?.scene.sha256
  }

  /**
   * Renders a lease; the files it gives lie in the slot's folder until `clear`. Takes over `run.scene` and closes it.
   * Throws WorkFailure; rejects with the signal's reason when aborted, with Blender dead by then.
   */
  async run(run: SlotRun): Promise<Performed | Inspected> {
    const { lease, signal } = run
    clearTimeout(this.#idleTimer)
    const watch = new Watchdog(lease.noProgressSeconds * 1_000, () => void this.close())
    const stop = (): void => void this.close()
    signal.addEventListener('abort', stop, { once: true })
    try {
      const folder = await this.#folderOf(lease)
      const stitchedPath = run.stitchedPath === undefined ? undefined : join(folder, 'stitched.exr')
      if (run.stitchedPath !== undefined && stitchedPath !== undefined) await rename(run.stitchedPath, stitchedPath)
      const { renderer, view } = await this.#openFor(run.scene, lease.scene, lease.work.settings.ocio)
      signal.throwIfAborted()
      watch.start()
      await renderer.open(view.blendPath, () => watch.reset())
      if (lease.work.kind === 'inspect') return await inspect(renderer, lease.work, () => watch.reset(), signal)
      const device = lease.work.kind === 'render' ? (lease.work.device ?? this.#options.device) : this.#options.device
      const performed = await perform(
        renderer,
        { work: lease.work, stitchedPath, device, threads: this.#options.threads, folder, signal },
        (frame, progress) => {
          watch.reset()
          if (progress !== undefined) run.onProgress(frame, progress)
        },
      )
      signal.throwIfAborted()
      return performed
    } catch (error) {
      // A Blender that failed once may be in any state.
      await this.close()
      signal.throwIfAborted()
      if (watch.barked)
        throw new WorkFailure('no_progress', `Blender made no progress for ${lease.noProgressSeconds} s`, {
          cause: error,
          ...lastWordsOf(error),
        })
      throw await this.#diskFullInstead(error)
    } finally {
      watch.stop()
      signal.removeEventListener('abort', stop)
      run.scene.close()
      this.#closeWhenIdle()
    }
  }

  /** Removes what a lease left in the slot's folder. */
  async clear(lease: Lease): Promise<void> {
    await rm(join(this.#options.folder, leaseKey(lease)), { recursive: true, force: true })
  }

  /** Ends Blender, whatever it does; the next run starts it anew. */
  async close(): Promise<void> {
    clearTimeout(this.#idleTimer)
    const open = this.#open
    this.#open = undefined
    if (open === undefined) return
    await open.renderer.close()
    open.scene.close()
    await open.view.remove()
  }

  /**
   * Blender tells a full disk in many ways, some of which sound as if the scene were to blame; the disk itself is
   * asked.
   */
  async #diskFullInstead(error: unknown): Promise<unknown> {
    if (!(error instanceof WorkFailure) || !DISK_FULL_MAY_LOOK_LIKE.includes(error.code)) return error
    const { bavail, bsize } = await statfs(this.#options.folder)
    if (bavail * bsize >= FREE_BYTES_MIN) return error
    return new WorkFailure(
      'disk_full',
      `the disk of this worker is full (${bavail * bsize} bytes are free): ${error.message}`,
      { cause: error, ...lastWordsOf(error) },
    )
  }

  async #folderOf(lease: Lease): Promise<string> {
    const folder = join(this.#options.folder, leaseKey(lease))
    await rm(folder, { recursive: true, force: true })
    await mkdir(folder, { recursive: true, mode: 0o700 })
    return folder
  }

  /**
   * The Blender that has the scene open if the tasks before left nothing in its folder, else a new one in a new folder.
   */
  async #openFor(scene: HeldScene, { blendName, aliases }: SceneNames, ocio: string | undefined): Promise<Open> {
    const names = { blendName, aliases }
    const open = this.#open
    const same = open !== undefined && isSame(open.scene, scene) && isDeepStrictEqual(open.names, names)
    if (same && open.ocio === ocio && (await open.view.untouched()) && this.#open === open) return open
    await this.close()
    const view = await ProjectView.make(scene, join(this.#options.folder, 'views'), names)
    try {
      const config = ocio === undefined ? undefined : await view.ocio(ocio)
      const renderer = this.#options.newRenderer(this.#options.folder, config)
      this.#open = { renderer, scene: scene.share(), names, ocio, view }
      return this.#open
    } catch (error) {
      await view.remove()
      throw error
    }
  }

  #closeWhenIdle(): void {
    if (this.#open === undefined) return
    this.#idleTimer = setTimeout(() => {
      this.#options.log.info({ idleMs: this.#options.idleCloseMs }, 'closing idle Blender')
      void this.close()
    }, this.#options.idleCloseMs)
    this.#idleTimer.unref()
  }
}

/**
 * The seal is another one after a scene was fetched anew; what a Blender read of it before may have been something
 * else.
 */
function isSame(open: HeldScene, wanted: HeldScene): boolean {
  return open.blendPath === wanted.blendPath && open.seal === wanted.seal
}

async function inspect(
  renderer: Renderer,
  { settings, frames }: Extract<Work, { kind: 'inspect' }>,
  onProgress: () => void,
  signal: AbortSignal,
): Promise<Inspected> {
  const startedAtMs = performance.now()
  const inspection = await renderer.inspect(settings, frames, onProgress)
  signal.throwIfAborted()
  return { inspection, seconds: (performance.now() - startedAtMs) / 1_000 }
}

/** Calls `onSilence` once when nothing was heard for a while. */
class Watchdog {
  readonly #silenceMs: number
  readonly #onSilence: () => void
  #timer: NodeJS.Timeout | undefined
  barked = false

  constructor(silenceMs: number, onSilence: () => void) {
    this.#silenceMs = silenceMs
    this.#onSilence = onSilence
  }

  start(): void {
    this.#timer = setTimeout(() => {
      this.barked = true
      this.#onSilence()
    }, this.#silenceMs)
  }

  reset(): void {
    this.#timer?.refresh()
  }

  stop(): void {
    clearTimeout(this.#timer)
  }
}

function lastWordsOf(error: unknown): { lastWords?: string } {
  return error instanceof WorkFailure && error.lastWords !== undefined ? { lastWords: error.lastWords } : {}
}
