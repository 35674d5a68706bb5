import { freemem, loadavg } from 'node:os'
import type { Logger } from 'pino'
import type { z } from 'zod'
import type { Failure } from '../shared/protocol/failure.ts'
import { LIMITS } from '../shared/protocol/limits.ts'
import {
  type CoordinatorMessage,
  type Heartbeat,
  type Lease,
  type LeaseRef,
  type WorkerMessage,
  leaseRef,
} from '../shared/protocol/messages.ts'
import type { Capabilities } from '../shared/protocol/worker.ts'
import { leaseKey } from './lease-key.ts'
import { objectionTo } from './policy.ts'
import type { Performed } from './rendering/perform.ts'
import type { RenderProgress } from './rendering/renderer.ts'
import type { Inspected } from './rendering/slot.ts'
import type { RenderQueue } from './rendering/render-queue.ts'
import type { Deliveries } from './results/deliveries.ts'

/** Progress is for people who watch; more often than this only costs the farm. */
const PROGRESS_INTERVAL_MS = 1_000
/**
 * How long a draining worker stays for the farm's last word on what it delivered, or for a lost connection to come
 * back. What is left then waits on disk for the next start.
 */
const LEAVE_AFTER_MS = 60_000

export interface AgentParts {
  readonly queue: RenderQueue
  readonly deliveries: Deliveries
  readonly capabilities: Capabilities
  readonly log: Logger
  /** False when it could not be sent. */
  readonly send: (message: WorkerMessage) => boolean
  /** Draining is over: nothing is left to do. */
  readonly onDrained: () => void
}

/** What the worker makes of the farm's messages: which leases it holds, and what it owes the farm for each. */
export class Agent {
  readonly #parts: AgentParts
  /** Failures and releases that found no connection. Their leases count as held until they are sent. */
  readonly #unsent = new Map<string, { lease: LeaseRef; message: WorkerMessage }>()
  /** Inspections that the farm has not answered yet. */
  readonly #inspected = new Map<string, { lease: LeaseRef; message: WorkerMessage }>()
  readonly #progressSentAt = new Map<string, number>()
  #draining = false
  #leaveTimer: NodeJS.Timeout | undefined

  constructor(parts: AgentParts) {
    this.#parts = parts
  }

  /** Every lease that this worker has not done with. */
  leases(): LeaseRef[] {
    const all = [
      ...this.#parts.queue.refs(),
      ...this.#parts.deliveries.refs(),
      ...[...this.#unsent.values(), ...this.#inspected.values()].map(({ lease }) => lease),
    ]
    return [...new Map(all.map((lease) => [leaseKey(lease), lease])).values()].slice(0, LIMITS.leasesPerWorkerMax)
  }

  heartbeat(): z.infer<typeof Heartbeat> {
    return { type: 'heartbeat', leases: this.leases(), loadAverage: loadavg()[0] ?? 0, memoryFreeBytes: freemem() }
  }

  /** A connection is there: forgets what is lost, sends what could not be sent. */
  onWelcome(lost: readonly LeaseRef[]): void {
    for (const lease of lost) this.#drop(lease, 'lost while away')
    for (const { message } of this.#unsent.values()) this.#parts.send(message)
    this.#unsent.clear()
    for (const { message } of this.#inspected.values()) this.#parts.send(message)
    this.#parts.deliveries.tellAll()
    if (this.#draining) this.#parts.send({ type: 'draining' })
    this.onChange()
  }

  onMessage(message: CoordinatorMessage): void {
    switch (message.type) {
      case 'welcome':
        return this.onWelcome(message.lost)
      case 'lease':
        return this.#onLease(message)
      case 'upload':
        if (this.#parts.deliveries.has(message)) this.#parts.deliveries.upload(message)
        else this.#parts.log.warn(leaseRef(message), 'asked to upload what is not here')
        return this.onChange()
      case 'release':
        return this.#drop(message, 'settled')
      case 'cancel':
        return this.#drop(message, `canceled: ${message.reason}`)
      case 'refused':
        this.#parts.log.warn(
          { ...message.lease, code: message.code, said: message.message },
          'coordinator refused a message',
        )
        return message.lease === undefined ? undefined : this.#drop(message.lease, 'refused')
      case 'drain':
        this.#parts.log.info({ why: message.reason }, 'coordinator asks to drain')
        return this.drain()
    }
  }

  onProgress(lease: LeaseRef, frame: number, progress: RenderProgress): void {
    const key = leaseKey(lease)
    const now = performance.now()
    if (now - (this.#progressSentAt.get(key) ?? -Infinity) < PROGRESS_INTERVAL_MS) return
    this.#progressSentAt.set(key, now)
    const { samplesDone, samplesTotal, secondsLeft } = progress
    this.#parts.send({
      type: 'progress',
      ...lease,
      frame,
      samplesDone,
      samplesTotal,
      ...(secondsLeft === undefined ? {} : { secondsLeft }),
    })
  }

  async onRendered(lease: LeaseRef, performed: Performed): Promise<void> {
    await this.#parts.deliveries.add(lease, performed)
    // Dropped while its files were on the move to the results: nobody wants them.
    if (!this.#parts.queue.has(lease)) await this.#parts.deliveries.drop(lease)
    this.#progressSentAt.delete(leaseKey(lease))
  }

  /**
   * Told until the farm has answered: nothing of it lies on disk, and asking again costs a worker the opening of the
   * scene.
   */
  onInspected(lease: LeaseRef, { inspection, seconds }: Inspected): void {
    const message: WorkerMessage = { type: 'inspected', ...lease, inspection, seconds }
    this.#inspected.set(leaseKey(lease), { lease, message })
    this.#parts.send(message)
    this.onChange()
  }

  onFailed(lease: LeaseRef, failure: Failure): void {
    this.#progressSentAt.delete(leaseKey(lease))
    this.#tell(lease, { type: 'failure', ...lease, failure })
    this.onChange()
  }

  /** Finishes what is being rendered, delivers it, gives back the rest, takes nothing new; then onDrained. */
  drain(): void {
    if (!this.#draining) {
      this.#draining = true
      this.#parts.send({ type: 'draining' })
      for (const lease of this.#parts.queue.dropWaiting()) this.#tell(lease, { type: 'released', ...lease })
    }
    this.onChange()
  }

  /** Gives back at once what the farm does not have yet; nothing of it is kept. */
  async abandon(): Promise<void> {
    clearTimeout(this.#leaveTimer)
    const unfinished = [...this.#parts.queue.refs(), ...this.#parts.deliveries.undelivered()]
    for (const lease of unfinished) {
      // Without a connection nobody hears it: a finished result then stays on disk for the next start.
      const heard = this.#parts.send({ type: 'released', ...lease })
      this.#parts.queue.drop(lease)
      if (heard) await this.#parts.deliveries.drop(lease)
    }
  }

  /** To be called whenever a lease comes nearer to its end: sees whether a drain is done. */
  onChange(): void {
    clearTimeout(this.#leaveTimer)
    if (!this.#draining) return
    const { queue, deliveries, onDrained } = this.#parts
    if (queue.size > 0 || deliveries.uploading > 0) return
    if (deliveries.size === 0 && this.#unsent.size === 0 && this.#inspected.size === 0) return onDrained()
    this.#leaveTimer = setTimeout(() => {
      this.#parts.log.warn(
        { results: deliveries.refs() },
        'leaving; results that the farm has not settled wait on disk',
      )
      onDrained()
    }, LEAVE_AFTER_MS)
  }

  #onLease(lease: Lease): void {
    const { queue, deliveries, log, capabilities } = this.#parts
    const ref = leaseRef(lease)
    if (queue.has(lease) || deliveries.has(lease) || this.#inspected.has(leaseKey(lease))) {
      log.debug(ref, 'lease is held already')
      return
    }
    const older = this.leases().filter((held) => held.jobId === lease.jobId && held.taskId === lease.taskId)
    if (older.some((held) => held.epoch > lease.epoch)) {
      log.warn(ref, 'lease is older than one that is held, ignored')
      return
    }
    for (const held of older) this.#drop(held, 'superseded by a newer lease')
    if (this.#draining || this.leases().length >= LIMITS.leasesPerWorkerMax) {
      log.info({ ...ref, draining: this.#draining }, 'lease given back')
      this.#tell(ref, { type: 'released', ...ref })
      return
    }
    const objection = objectionTo(lease, capabilities)
    if (objection === undefined) queue.take(lease)
    else this.onFailed(ref, objection)
  }

  #drop(lease: LeaseRef, why: string): void {
    const { queue, deliveries, log } = this.#parts
    const wasUnsent = this.#unsent.delete(leaseKey(lease)) || this.#inspected.delete(leaseKey(lease))
    this.#progressSentAt.delete(leaseKey(lease))
    const wasQueued = queue.drop(lease)
    const wasDelivered = deliveries.has(lease)
    log.info({ ...leaseRef(lease), why, held: wasQueued || wasDelivered || wasUnsent }, 'lease ended')
    deliveries.drop(lease).then(
      () => this.onChange(),
      (error: unknown) => log.error({ ...leaseRef(lease), error: String(error) }, 'clean-up failed'),
    )
  }

  #tell(lease: LeaseRef, message: WorkerMessage): void {
    if (!this.#parts.send(message)) this.#unsent.set(leaseKey(lease), { lease, message })
  }
}
