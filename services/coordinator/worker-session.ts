import type { WebSocket } from 'ws'
import type { Engine } from '../../shared/engine/context.ts'
import type { Dispatcher } from '../../shared/engine/dispatch/dispatcher.ts'
import type { ConnectedWorker } from '../../shared/engine/dispatch/connected-worker.ts'
import type { HeldLease } from '../../shared/engine/results/hand-in.ts'
import { assertNever } from '../../shared/domain/decision.ts'
import { FarmStoreUnavailable } from '../../shared/ports/farm-store.ts'
import { StoreUnavailable } from '../../shared/ports/object-store.ts'
import { type FailureCode, FAILURES } from '../../shared/protocol/failure.ts'
import type { JobId, Sha256, TaskId, WorkerId } from '../../shared/protocol/ids.ts'
import { LIMITS } from '../../shared/protocol/limits.ts'
import {
  CLOSE_CODES,
  type Lease,
  type LeaseRef,
  leaseRef,
  PROTOCOL_VERSION,
  type WorkerMessage,
} from '../../shared/protocol/messages.ts'
import type { Capabilities, WorkerRecord } from '../../shared/protocol/worker.ts'
import { HeldLeases } from './held-leases.ts'
import { answerOf, type LeaseAnswer } from './lease-answer.ts'
import { laterRecord, recordOf } from './worker-record.ts'
import { WorkerSocket } from './worker-socket.ts'
import { CoolDown } from './cool-down.ts'

/** A worker record is written again at most this often. */
const RECORD_EVERY_MS = 15_000

export interface SessionContext {
  readonly engine: Engine
  readonly dispatcher: Dispatcher
  readonly sessionId: string
  readonly owner: string
  /** The token is one of the operator's own machines. */
  readonly anchor?: boolean
  /** Called once when the session is over. */
  onClose(session: WorkerSession): void
  onReady(session: WorkerSession): void
  /** Time for the hello, in ms. */
  readonly helloMs?: number
  /** Runs a greeting when it is its turn; at once where it is left out. */
  greet?(greeting: () => Promise<void>): Promise<void>
}

/**
 * One worker's connection. First message: hello; then it is told to the dispatcher. What it says of a lease goes to the
 * engine; the answer goes back on the same socket. A connection that ends leaves its leases as they are: the worker
 * may come back in time.
 */
export class WorkerSession implements ConnectedWorker {
  readonly #socket: WorkerSocket
  readonly #context: SessionContext
  #record: WorkerRecord | null = null
  #state: 'new' | 'ready' | 'draining' | 'closed' = 'new'
  #saidHello = false
  readonly #held = new HeldLeases()
  readonly #coolDown = new CoolDown()
  #reserved = 0
  #recordedAt = 0
  #end: () => void = () => {}
  /** Resolves when the connection is gone and the worker is signed off. */
  readonly ended: Promise<void> = new Promise((resolve) => (this.#end = resolve))

  constructor(socket: WebSocket, context: SessionContext) {
    this.#context = context
    const { engine, helloMs = LIMITS.helloSecondsMax * 1000 } = context
    this.#socket = new WorkerSocket(socket, {
      helloMs,
      silenceMs: engine.times.heartbeatMs * 3,
      onMessage: (message) => this.#hear(message),
      onClose: () => void this.#closed().finally(this.#end),
      onError: (error) => engine.log.info({ error, workerId: this.#record?.id }, 'worker socket failed'),
    })
  }

  // --- what the dispatcher sees ------------------------------------------------------------------------------------

  get workerId(): WorkerId {
    if (this.#record === null) throw new Error('no hello yet')
    return this.#record.id
  }

  /** False before its hello. */
  get isGreeted(): boolean {
    return this.#record !== null
  }

  get capabilities(): Capabilities {
    if (this.#record === null) throw new Error('no hello yet')
    return this.#record.capabilities
  }

  get anchor(): boolean {
    return this.#context.anchor === true
  }

  open(): boolean {
    return this.#state === 'ready' && this.#record?.quarantined !== true && this.#socket.isOpen
  }

  takes(scene: Sha256): boolean {
    return this.#coolDown.untilOf(scene, this.#context.engine.clock.now()) === undefined
  }

  room(): number {
    if (this.#coolDown.until(this.#context.engine.clock.now()) !== undefined) return 0
    const total = Math.min(this.capabilities.slots * 2 - this.held(), LIMITS.leasesPerWorkerMax - this.#held.size)
    return total - this.#reserved
  }

  held(): number {
    return this.#held.rendering()
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
    if (!this.open()) return false
    this.#held.keep(this.#leaseOf(lease), false, lease.scene.sha256)
    return this.#socket.send(lease)
  }

  // --- what others ask ----------------------------------------------------------------------------------------------

  cancel(jobId: JobId, taskId: TaskId, epoch: number, reason: string): void {
    this.#held.drop({ jobId, taskId, epoch })
    this.#socket.send({ type: 'cancel', jobId, taskId, epoch, reason })
    this.#context.dispatcher.freed(jobId)
  }

  /** Says why and closes; whoever does not answer that is cut off. */
  close(code: number, reason: string): void {
    this.#socket.close(code, reason)
  }

  // --- what the worker says -----------------------------------------------------------------------------------------

  async #hear(message: WorkerMessage): Promise<void> {
    try {
      await this.#handle(message)
    } catch (error) {
      const outage = error instanceof FarmStoreUnavailable || error instanceof StoreUnavailable
      this.#context.engine.log[outage ? 'warn' : 'error'](
        { error, workerId: this.#record?.id, type: message.type },
        'message could not be handled',
      )
      // The next heartbeat says the same; to send everybody away would make a storm of an outage.
      if (outage && message.type === 'heartbeat') return
      this.close(CLOSE_CODES.going_away, 'the farm is not available right now; reconnect')
    }
  }

  async #handle(message: WorkerMessage): Promise<void> {
    if (message.type === 'hello') {
      if (this.#saidHello) return this.close(CLOSE_CODES.bad_message, 'a second hello')
      this.#saidHello = true
      return this.#context.greet === undefined ? this.#hello(message) : this.#context.greet(() => this.#hello(message))
    }
    if (this.#record === null) return this.close(CLOSE_CODES.bad_message, 'the first message must be hello')
    switch (message.type) {
      case 'heartbeat':
        return this.#heartbeat(message.leases)
      case 'progress':
        return this.#held.tell(message)
      case 'result':
      case 'uploaded':
      case 'inspected':
      case 'failure':
      case 'released':
        return this.#follow(message, await answerOf(this.#context.engine, this.#leaseOf(message), message))
      case 'draining':
        if (this.#state === 'ready') this.#state = 'draining'
        return this.#writeRecord()
      default:
        return assertNever(message)
    }
  }

  async #hello(hello: Extract<WorkerMessage, { type: 'hello' }>): Promise<void> {
    const { engine, dispatcher, sessionId, owner } = this.#context
    if (hello.protocolVersion !== PROTOCOL_VERSION)
      return this.close(
        CLOSE_CODES.version,
        `this farm speaks protocol version ${PROTOCOL_VERSION}, the worker ${hello.protocolVersion}`,
      )
    if (!this.#socket.isOpen) return // it left while others were greeted
    const known = await engine.store.worker(hello.workerId)
    if (known === null && (await engine.store.countWorkers()) >= LIMITS.workersKnownMax)
      return this.close(
        CLOSE_CODES.overloaded,
        `the farm already knows ${LIMITS.workersKnownMax} workers, the most it accepts`,
      )
    if (known !== null && known.owner !== owner)
      return this.close(CLOSE_CODES.unauthorized, `worker ${hello.workerId} belongs to another token`)
    await engine.store.holdSession(hello.workerId, sessionId, this.#sessionTtlMs())
    this.#record = recordOf(hello, this.#context, known, engine.clock.now())
    await engine.store.putWorker(this.#record)
    const lost: LeaseRef[] = []
    for (const lease of hello.leases)
      if (!(await this.#held.resume(engine, this.#leaseOf(lease)))) lost.push(leaseRef(lease))
    this.#socket.send({
      type: 'welcome',
      protocolVersion: PROTOCOL_VERSION,
      heartbeatSeconds: engine.times.heartbeatMs / 1000,
      lost,
    })
    if (this.#state !== 'new') return // it left while we were looking
    this.#state = 'ready'
    engine.log.info(
      { workerId: hello.workerId, name: hello.name, kept: hello.leases.length - lost.length, lost: lost.length },
      'worker connected',
    )
    this.#context.onReady(this)
    dispatcher.addWorker(this)
  }

  async #heartbeat(leases: readonly LeaseRef[]): Promise<void> {
    const { engine, sessionId } = this.#context
    if (!(await engine.store.keepSession(this.workerId, sessionId, this.#sessionTtlMs())))
      return this.close(CLOSE_CODES.replaced, 'this worker has connected again')
    for (const { jobId, taskId, epoch } of await this.#held.renew(engine, leases))
      this.cancel(jobId, taskId, epoch, 'the lease has ended')
    for (const lease of leases)
      if (!this.#held.has(lease))
        this.#socket.send({ type: 'cancel', ...leaseRef(lease), reason: 'this lease does not belong to this worker' })
    if (engine.clock.now() - this.#recordedAt > RECORD_EVERY_MS) await this.#writeRecord()
  }

  // --- the rest -----------------------------------------------------------------------------------------------------

  #leaseOf(message: LeaseRef): HeldLease {
    return { ...leaseRef(message), workerId: this.workerId }
  }

  #follow(lease: LeaseRef, { ended, lease: state, say }: LeaseAnswer): void {
    const scene = this.#held.sceneOf(lease)
    if (scene !== undefined && ended !== undefined) this.#count(scene, ended)
    if (state === 'delivering') this.#held.keep(this.#leaseOf(lease), true)
    else this.#held.drop(lease)
    if (say !== undefined) this.#socket.send(say)
    // Its slot is free again.
    if (state === 'delivering') this.#context.dispatcher.kick()
    else this.#context.dispatcher.freed(lease.jobId)
  }

  #count(scene: Sha256, ended: 'well' | FailureCode): void {
    if (ended === 'well') return this.#coolDown.succeeded(scene)
    const { engine } = this.#context
    const pause = FAILURES[ended] === 'worker' ? this.#coolDown.failed(scene, engine.clock.now()) : undefined
    if (pause === undefined) return
    const what = pause.of === 'machine' ? 'several tasks' : 'several tasks of one scene'
    engine.log.warn(
      { workerId: this.workerId, code: ended, scene, coolDownMs: pause.ms },
      `the worker failed ${what} in a row and gets ${pause.of === 'machine' ? 'none' : 'none of it'} for a while`,
    )
    this.#recordedAt = 0 // shown with the next heartbeat
  }

  async #writeRecord(): Promise<void> {
    if (this.#record === null) return
    const { engine } = this.#context
    const now = engine.clock.now()
    this.#recordedAt = now
    const stored = await engine.store.worker(this.#record.id)
    this.#record = laterRecord(this.#record, {
      isDraining: this.#state === 'draining',
      quarantined: stored?.quarantined,
      coolsDownUntil: this.#coolDown.until(now),
      coolsDownFrom: this.#coolDown.scenes(now),
      leases: this.#held.size,
      rendering: this.#held.told(),
      now,
    })
    await engine.store.putWorker(this.#record)
  }

  #sessionTtlMs(): number {
    return this.#context.engine.times.heartbeatMs * 3
  }

  async #closed(): Promise<void> {
    const { engine, dispatcher, sessionId } = this.#context
    this.#state = 'closed'
    this.#context.onClose(this)
    const record = this.#record
    if (record === null) return
    dispatcher.removeWorker(this)
    try {
      // A newer session speaks for it.
      if (!(await engine.store.keepSession(record.id, sessionId, this.#sessionTtlMs()))) return
      await engine.store.endSession(record.id, sessionId)
      await engine.store.putWorker({
        ...record,
        state: 'offline',
        leases: this.#held.size,
        lastSeenAt: engine.clock.now(),
      })
    } catch (error) {
      engine.log.warn({ workerId: record.id, error }, 'worker could not be signed off; its session runs out by itself')
    }
    engine.log.info({ workerId: record.id, held: this.#held.size }, 'worker disconnected')
  }
}
