/*
 * Workers of the farm in memory (engine-farm.ts), without sockets: a test says what becomes of what they were leased.
 */
import { createHash } from 'node:crypto'
import type { Engine } from '../../../shared/engine/context.ts'
import { ENGINE_TIMES } from '../../../shared/engine/context.ts'
import type { ConnectedWorker } from '../../../shared/engine/dispatch/connected-worker.ts'
import type { Dispatcher } from '../../../shared/engine/dispatch/dispatcher.ts'
import {
  type HeldLease,
  takeBack,
  takeDelivery,
  takeFailure,
  takeResult,
} from '../../../shared/engine/results/hand-in.ts'
import { takeInspection } from '../../../shared/engine/results/take-inspection.ts'
import type { Clock } from '../../../shared/ports/core.ts'
import type { FarmStore } from '../../../shared/ports/farm-store.ts'
import type { ObjectStore } from '../../../shared/ports/object-store.ts'
import type { FailureCode } from '../../../shared/protocol/failure.ts'
import { Sha256 } from '../../../shared/protocol/ids.ts'
import type { Inspection } from '../../../shared/protocol/inspection.ts'
import type { Lease } from '../../../shared/protocol/messages.ts'
import { attemptKey } from '../../../shared/protocol/object-keys.ts'
import type { ResultFile } from '../../../shared/protocol/task.ts'
import type { Capabilities } from '../../../shared/protocol/worker.ts'
import { anInspection } from '../../unit/domain/records.ts'

/** What a worker needs of its farm. */
interface FarmOfWorkers {
  readonly engine: Engine
  readonly clock: Clock
  readonly store: FarmStore
  readonly objects: ObjectStore
  readonly dispatcher: Dispatcher
  /** Tells the dispatcher who is connected. */
  tellConnected(): Promise<void>
  /** Waits until nothing is under way any more. */
  quiet(): Promise<void>
}

/** How a worker does its work: as it should; other pixels than the scene gives; other bytes than it committed to. */
export type Honesty = 'honest' | 'lie' | 'garbage'

/** A worker without a socket: it keeps what it was leased until the test says what becomes of it. */
export class ScriptedWorker implements ConnectedWorker {
  readonly workerId: ConnectedWorker['workerId']
  readonly capabilities: Capabilities
  readonly #farm: FarmOfWorkers
  readonly leases = new Map<string, { lease: Lease; delivering: boolean }>()
  /** Everything it was ever leased, in order. */
  readonly given: Lease[] = []
  readonly canceledLeases: string[] = []
  readonly coolsDownFrom = new Set<Sha256>()
  #connected = false
  #reserved = 0

  constructor(farm: FarmOfWorkers, workerId: ConnectedWorker['workerId'], offers: Capabilities) {
    this.#farm = farm
    this.workerId = workerId
    this.capabilities = offers
  }

  open(): boolean {
    return this.#connected
  }
  takes(scene: Sha256): boolean {
    return !this.coolsDownFrom.has(scene)
  }
  room(): number {
    return this.capabilities.slots * 2 - this.held() - this.#reserved
  }
  held(): number {
    return [...this.leases.values()].filter((held) => !held.delivering).length
  }
  busy(): boolean {
    return this.held() + this.#reserved >= this.capabilities.slots
  }
  reserve(): () => void {
    this.#reserved += 1
    return () => {
      this.#reserved -= 1
    }
  }
  give(lease: Lease): boolean {
    if (!this.#connected) return false
    this.given.push(lease)
    this.leases.set(keyOf(lease), { lease, delivering: false })
    return true
  }
  canceled(jobId: string, taskId: string, epoch: number): void {
    this.canceledLeases.push(`${taskId}@${epoch}`)
    this.#drop({ jobId, taskId, epoch })
  }

  async connect(): Promise<void> {
    if (this.#connected) return
    this.#connected = true
    await this.#farm.store.holdSession(this.workerId, 'session', 1e9)
    await this.#farm.tellConnected()
    this.#farm.dispatcher.addWorker(this)
    await this.#farm.quiet()
  }

  /** The connection is gone; `forget` if the worker itself is, with what it held. */
  async disconnect(forget = true): Promise<void> {
    this.#connected = false
    this.#farm.dispatcher.removeWorker(this)
    if (forget) this.leases.clear()
    await this.#farm.store.endSession(this.workerId, 'session')
    await this.#farm.tellConnected()
  }

  async heartbeat(): Promise<void> {
    for (const { lease } of this.leases.values()) {
      const gone = await this.#farm.engine.store.renew(
        lease.jobId,
        [{ taskId: lease.taskId, epoch: lease.epoch }],
        this.#farm.clock.now() + ENGINE_TIMES.leaseMs,
      )
      if (gone.length > 0) this.#drop(lease)
    }
  }

  filesOf(lease: Lease, honesty: Honesty = 'honest'): { file: ResultFile; line: string }[] {
    const { work } = lease
    if (work.kind === 'inspect') return []
    const frames = work.kind === 'finish' ? [work.frame] : work.frames
    const roles: ResultFile['role'][] =
      work.kind === 'finish' ? ['final'] : work.window === undefined ? ['final', 'raw'] : ['raw']
    return [...frames].flatMap((frame) =>
      roles.map((role) => {
        const line =
          honesty === 'lie'
            ? `lie of ${this.workerId}: frame ${frame}`
            : `frame ${frame} ${role} ${JSON.stringify(work.kind === 'finish' ? 'finished' : (work.window ?? 'whole'))}`
        return {
          file: { name: `${role}-${frame}`, frame, role, bytes: line.length, sha256: Sha256.parse(hashOf(line)) },
          line,
        }
      }),
    )
  }

  heldLease(lease: Lease): HeldLease {
    return { jobId: lease.jobId, taskId: lease.taskId, epoch: lease.epoch, workerId: this.workerId }
  }

  /** Commits to a result and uploads what is asked for. */
  async commit(lease: Lease, honesty: Honesty = 'honest') {
    const made = this.filesOf(lease, honesty)
    const taken = await takeResult(this.#farm.engine, this.heldLease(lease), {
      files: made.map(({ file }) => file),
      renderSeconds: 1,
      peakMemoryBytes: 1,
    })
    if (!taken.ok) {
      this.#drop(lease)
      return taken
    }
    for (const asked of taken.upload) {
      const own = made.find(({ file }) => file.name === asked.name)
      if (own === undefined) throw new Error(`nobody made ${asked.name}`)
      const body = honesty === 'garbage' ? 'x'.repeat(own.line.length) : own.line
      await this.#farm.objects.put(attemptKey(lease.jobId, lease.taskId, lease.epoch, asked.name), Buffer.from(body), {
        contentType: 'application/octet-stream',
      })
    }
    this.leases.set(keyOf(lease), { lease, delivering: true })
    return taken
  }

  async deliver(lease: Lease) {
    const taken = await takeDelivery(this.#farm.engine, this.heldLease(lease))
    this.#drop(lease)
    return taken
  }

  /** Renders and hands in one lease. */
  async finish(lease: Lease, honesty: Honesty = 'honest') {
    if (lease.work.kind === 'inspect') return this.inspected(lease)
    const committed = await this.commit(lease, honesty)
    return committed.ok ? this.deliver(lease) : committed
  }

  /** Tells what it found in the scene. */
  async inspected(lease: Lease, inspection: Inspection = anInspection()) {
    const taken = await takeInspection(this.#farm.engine, this.heldLease(lease), { inspection, seconds: 1 })
    this.#drop(lease)
    return taken
  }

  async fail(lease: Lease, code: FailureCode = 'blender_crashed') {
    const failed = await takeFailure(this.#farm.engine, this.heldLease(lease), { code, message: `it was ${code}` })
    this.#drop(lease)
    return failed
  }

  async release(lease: Lease) {
    const back = await takeBack(this.#farm.engine, this.heldLease(lease))
    this.#drop(lease)
    return back
  }

  /** Hands in everything it holds. */
  async finishAll(honesty: Honesty = 'honest'): Promise<void> {
    for (const { lease } of [...this.leases.values()]) await this.finish(lease, honesty)
    await this.#farm.quiet()
  }

  next(): Lease {
    const [first] = this.leases.values()
    if (first === undefined) throw new Error(`${this.workerId} holds no lease`)
    return first.lease
  }

  #drop(lease: { jobId: string; taskId: string; epoch: number }): void {
    if (this.leases.delete(keyOf(lease))) this.#farm.dispatcher.kick()
  }
}

/** SHA-256 in hex of a file that is a line of text. */
export function hashOf(line: string): string {
  return createHash('sha256').update(line).digest('hex')
}

function keyOf(lease: { jobId: string; taskId: string; epoch: number }): string {
  return `${lease.jobId} ${lease.taskId} ${lease.epoch}`
}
