import { mkdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Logger } from 'pino'
import type { Failure } from '../../shared/protocol/failure.ts'
import { type Lease, type LeaseRef, leaseRef } from '../../shared/protocol/messages.ts'
import type { HeldScene } from '../cache/held-scene.ts'
import type { SceneCache } from '../cache/scene-cache.ts'
import { WorkFailure, failureOf } from '../failure.ts'
import { leaseKey } from '../lease-key.ts'
import { download } from '../transfer/download.ts'
import type { Patience } from '../transfer/patience.ts'
import { httpUrl } from '../transfer/place.ts'
import type { Performed } from './perform.ts'
import type { RenderProgress } from './renderer.ts'
import type { Inspected, Slot } from './slot.ts'

export interface RenderQueueOptions {
  readonly slots: readonly Slot[]
  readonly cache: SceneCache
  /** Takes stitched images until their lease has a slot. */
  readonly incomingFolder: string
  readonly coordinator: URL
  readonly patience: Patience
  readonly log: Logger
  readonly onProgress: (lease: LeaseRef, frame: number, progress: RenderProgress) => void
  /** The lease stays with the queue until this resolves, its files until then where `performed` says. */
  readonly onRendered: (lease: LeaseRef, performed: Performed) => Promise<void>
  readonly onInspected: (lease: LeaseRef, inspected: Inspected) => void
  readonly onFailed: (lease: LeaseRef, failure: Failure) => void
  /** A lease has left the queue with its result told. */
  readonly onSettled: () => void
}

interface Prepared {
  readonly scene: HeldScene
  readonly stitchedPath: string | undefined
}

interface Held {
  readonly lease: Lease
  readonly abort: AbortController
  /** Set once scene and stitched image are here and no slot has taken them yet. */
  prepared?: Prepared
  running: boolean
}

/**
 * Leases between their arrival and their result: fetched for as soon as they come, rendered in the order in which they
 * came.
 */
export class RenderQueue {
  readonly #options: RenderQueueOptions
  readonly #held = new Map<string, Held>()
  readonly #inProgress = new Set<Promise<void>>()

  constructor(options: RenderQueueOptions) {
    this.#options = options
  }

  get size(): number {
    return this.#held.size
  }

  get running(): number {
    return [...this.#held.values()].filter((held) => held.running).length
  }

  refs(): LeaseRef[] {
    return [...this.#held.values()].map((held) => leaseRef(held.lease))
  }

  has(lease: LeaseRef): boolean {
    return this.#held.has(leaseKey(lease))
  }

  /** Takes a lease on; its fate is told to onRendered or onFailed, unless it is dropped before. */
  take(lease: Lease): void {
    const held: Held = { lease, abort: new AbortController(), running: false }
    this.#held.set(leaseKey(lease), held)
    this.#track(this.#prepare(held))
  }

  /** Stops a lease at once, Blender included, and removes its files; tells nobody. False if it is not here. */
  drop(lease: LeaseRef): boolean {
    const held = this.#held.get(leaseKey(lease))
    if (held === undefined) return false
    this.#held.delete(leaseKey(lease))
    held.abort.abort(new Error('the lease is gone'))
    held.prepared?.scene.close()
    delete held.prepared
    this.#track(rm(this.#incomingPath(lease), { force: true }))
    return true
  }

  /** Drops the leases that no slot has begun, and gives their names. */
  dropWaiting(): LeaseRef[] {
    const waiting = [...this.#held.values()].filter((held) => !held.running).map((held) => leaseRef(held.lease))
    for (const lease of waiting) this.drop(lease)
    return waiting
  }

  /** Ends every Blender; resolves when nothing of the queue runs any more. */
  async close(): Promise<void> {
    for (const lease of this.refs()) this.drop(lease)
    while (this.#inProgress.size > 0) await Promise.all(this.#inProgress)
    await Promise.all(this.#options.slots.map((slot) => slot.close()))
  }

  /** Ends each Blender that is open without work, so that its scene may leave the cache. */
  closeIdleSlots(): void {
    for (const slot of this.#options.slots) if (!slot.busy) this.#track(slot.close())
  }

  async #prepare(held: Held): Promise<void> {
    const { lease, abort } = held
    let scene: HeldScene | undefined
    try {
      const url = this.#url(lease.scene.url)
      scene = await this.#options.cache.acquire({ ...lease.scene, url }, abort.signal)
      const stitchedPath =
        lease.work.kind === 'finish' ? await this.#fetchStitched(lease, lease.work.stitched, abort.signal) : undefined
      abort.signal.throwIfAborted()
      held.prepared = { scene, stitchedPath }
    } catch (error) {
      scene?.close()
      this.#fail(held, error, 'scene_download_failed')
      await rm(this.#incomingPath(lease), { force: true })
    }
    this.#fillSlots()
  }

  async #fetchStitched(
    lease: Lease,
    stitched: { url: string; sha256: Lease['scene']['sha256']; bytes: number },
    signal: AbortSignal,
  ): Promise<string> {
    await mkdir(this.#options.incomingFolder, { recursive: true })
    const path = this.#incomingPath(lease)
    const { patience, log } = this.#options
    await download({
      url: this.#url(stitched.url),
      path,
      bytes: stitched.bytes,
      sha256: stitched.sha256,
      patience,
      signal,
      log,
    })
    return path
  }

  #fillSlots(): void {
    for (const held of this.#held.values()) {
      if (held.prepared === undefined) continue
      const slot = this.#freeSlotFor(held.prepared.scene)
      if (slot === undefined) return
      const { prepared } = held
      delete held.prepared
      held.running = true
      slot.busy = true
      this.#track(this.#render(held, prepared, slot))
    }
  }

  /** The free slot that has the scene open, else one that has none open, else any free one. */
  #freeSlotFor(scene: HeldScene): Slot | undefined {
    const free = this.#options.slots.filter((slot) => !slot.busy)
    return (
      free.find((slot) => slot.openScene === scene.sha256) ??
      free.find((slot) => slot.openScene === undefined) ??
      free[0]
    )
  }

  async #render(held: Held, prepared: Prepared, slot: Slot): Promise<void> {
    const { lease, abort } = held
    const ref = leaseRef(lease)
    this.#options.log.info({ ...ref, kind: lease.work.kind, scene: lease.scene.sha256 }, 'rendering')
    try {
      const performed = await slot.run({
        lease,
        ...(await this.#asUploaded(lease, prepared, abort.signal)),
        signal: abort.signal,
        onProgress: (frame, progress) => this.#options.onProgress(ref, frame, progress),
      })
      if ('inspection' in performed) this.#options.onInspected(ref, performed)
      else await this.#options.onRendered(ref, performed)
      this.#held.delete(leaseKey(lease))
      this.#options.onSettled()
    } catch (error) {
      this.#fail(held, error, 'blender_crashed')
    } finally {
      await slot
        .clear(lease)
        .catch((error: unknown) =>
          this.#options.log.error({ ...ref, error: String(error) }, 'scratch could not be removed'),
        )
      slot.busy = false
      this.#fillSlots()
      // The cache asked while this slot rendered, and passed over it.
      if (this.#options.cache.needsRoom) this.closeIdleSlots()
    }
  }

  /** A task before this one may have written into the scene's files, where nothing keeps Blender from it. */
  async #asUploaded(lease: Lease, prepared: Prepared, signal: AbortSignal): Promise<Prepared> {
    const { scene } = prepared
    let isIntact = false
    try {
      isIntact = await scene.intact()
    } finally {
      if (!isIntact) scene.close()
    }
    if (isIntact) return prepared
    const source = { ...lease.scene, url: this.#url(lease.scene.url) }
    return { ...prepared, scene: await this.#options.cache.acquire(source, signal) }
  }

  /** Tells of a failure, unless the lease was dropped: then nobody wants to know. */
  #fail(held: Held, error: unknown, otherwise: Failure['code']): void {
    if (held.abort.signal.aborted) return
    this.#held.delete(leaseKey(held.lease))
    const failure = failureOf(error, otherwise)
    this.#options.log.warn({ ...leaseRef(held.lease), code: failure.code, why: failure.message }, 'lease failed')
    this.#options.onFailed(leaseRef(held.lease), failure)
  }

  #url(text: string): URL {
    const url = httpUrl(text, this.#options.coordinator)
    if (url === undefined)
      throw new WorkFailure('scene_download_failed', 'the coordinator sent a download address that is no HTTP URL')
    return url
  }

  #incomingPath(lease: LeaseRef): string {
    return join(this.#options.incomingFolder, `${leaseKey(lease)}.exr`)
  }

  #track(run: Promise<void>): void {
    const tracked = run
      .catch((error: unknown) => this.#options.log.error({ error: String(error) }, 'clean-up failed'))
      .finally(() => this.#inProgress.delete(tracked))
    this.#inProgress.add(tracked)
  }
}
