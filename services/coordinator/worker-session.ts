import type { WebSocket } from 'ws'
import type { Engine } from '../../shared/engine/context.ts'
import type { Dispatcher } from '../../shared/engine/dispatch/dispatcher.ts'
import type { ConnectedWorker } from '../../shared/engine/dispatch/connected-worker.ts'
import type { HeldLease } from '../../shared/engine/results/hand-in.ts'
import { assertNever } from '../../shared/domain/decision.ts'
import { FarmStoreUnavailable } from '../../shared/ports/farm-store.ts'
import { StoreUnavailable } from '../../shared/ports/object-store.ts'
import { compiled } from '../../shared/protocol/compiled.ts'
import { type FailureCode, FAILURES } from '../../shared/protocol/failure.ts'
import type { JobId, TaskId, WorkerId } from '../../shared/protocol/ids.ts'
import { LIMITS } from '../../shared/protocol/limits.ts'
import {
  CLOSE_CODES,
  type CoordinatorMessage,
  type Lease,
  type LeaseRef,
  leaseRef,
  PROTOCOL_VERSION,
  WorkerMessage,
} from '../../shared/protocol/messages.ts'
import type { Capabilities, WorkerRecord } from '../../shared/protocol/worker.ts'
import { closeSurely } from './close-surely.ts'
import { HeldLeases } from './held-leases.ts'
import { answerOf, type LeaseAnswer } from './lease-answer.ts'
import { recordOf } from './worker-record.ts'
import { CoolDown } from './cool-down.ts'

/** Messages of one worker under way at once; more wait in the socket. */
const IN_FLIGHT_MAX = 32
/** Bytes waiting to be sent to a worker that does not read; it is dropped then. */
const UNSENT_BYTES_MAX = 4 * 1024 ** 2
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
 * One worker's connection. First message: hello; then it is seated with the dispatcher. What it says of a lease goes to
 * the engine; the answer goes back on the same socket. A connection that ends leaves its leases as they are: the worker
 * may come back in time.
 */
export class WorkerSession implements ConnectedWorker {
  readonly #socket: WebSocket
  readonly #context: SessionContext
  #record: WorkerRecord | null = null
  #state: 'new' | 'ready' | 'draining' | 'closed' = 'new'
  #saidHello = false
  readonly #held = new HeldLeases()
  readonly #coolDown = new CoolDown()
  #reserved = 0
  #inFlight = 0
  #recordedAt = 0
  #silence: NodeJS.Timeout | null = null
  #end: () => void = () => {}
  /** Resolves when the connection is gone and the worker is signed off. */
  readonly ended: Promise<void> = new Promise((resolve) => (this.#end = resolve))

  constructor(socket: WebSocket, context: SessionContext) {
    this.#socket = socket
    this.#context = context
    socket.on('message', (bytes, isBinary) => this.#receive(bytes, isBinary))
    socket.on('close', () => void this.#closed().finally(this.#end))
    socket.on('error', (error) =>
      context.engine.log.info({ error, workerId: this.#record?.id }, 'worker socket failed'),
    )
    this.#listen(context.helloMs ?? LIMITS.helloSecondsMax * 1000, 'no hello in time')
  }

  // --- what the dispatcher sees ------------------------------------------------------------------------------------

  get workerId(): WorkerId {
    if (this.#record === null) throw new Error('no hello yet')
    return this.#record.id
  }

  /** False before its hello. */
  get seated(): boolean {
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
    return (
      this.#state === 'ready' && this.#record?.quarantined !== true && this.#socket.readyState === this.#socket.OPEN
    )
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
    this.#held.keep(this.#leaseOf(lease), false)
    return this.#send(lease)
  }

  // --- what others ask ----------------------------------------------------------------------------------------------

  cancel(jobId: JobId, taskId: TaskId, epoch: number, reason: string): void {
    this.#held.drop({ jobId, taskId, epoch })
    this.#send({ type: 'cancel', jobId, taskId, epoch, reason })
    this.#context.dispatcher.freed(jobId)
  }

  /** Says why and closes; whoever does not answer that is cut off. */
  close(code: number, reason: string): void {
    closeSurely(this.#socket, code, reason)
  }

  // --- receiving ----------------------------------------------------------------------------------------------------

  #receive(bytes: unknown, isBinary: boolean): void {
    this.#listen()
    if (isBinary) return this.close(CLOSE_CODES.bad_message, 'messages are JSON text')
    let json: unknown
    try {
      json = JSON.parse(String(bytes))
    } catch {
      return this.close(CLOSE_CODES.bad_message, 'not JSON')
    }
    const message = compiled(WorkerMessage).safeParse(json)
    if (!message.success) {
      const first = message.error.issues[0]
      return this.close(
        CLOSE_CODES.bad_message,
        `not a message of this protocol: ${first?.path.join('.') ?? ''} ${first?.message ?? ''}`,
      )
    }
    this.#inFlight += 1
    if (this.#inFlight >= IN_FLIGHT_MAX) this.#socket.pause()
    this.#handle(message.data)
      .catch((error: unknown) => {
        const outage = error instanceof FarmStoreUnavailable || error instanceof StoreUnavailable
        this.#context.engine.log[outage ? 'warn' : 'error'](
          { error, workerId: this.#record?.id, type: message.data.type },
          'message could not be handled',
        )
        // The next heartbeat says the same; to send everybody away would make a storm of an outage.
        if (outage && message.data.type === 'heartbeat') return
        this.close(CLOSE_CODES.going_away, 'the farm is not available right now; reconnect')
      })
      .finally(() => {
        this.#inFlight -= 1
        if (this.#inFlight < IN_FLIGHT_MAX) this.#socket.resume()
      })
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
      case 'progress': {
        const { jobId, taskId, frame, samplesDone, samplesTotal, secondsLeft } = message
        return this.#held.tell(message, {
          jobId,
          taskId,
          frame,
          samplesDone,
          samplesTotal,
          ...(secondsLeft === undefined ? {} : { secondsLeft }),
        })
      }
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
    if (this.#socket.readyState !== this.#socket.OPEN) return // it left while others were greeted
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
    this.#send({
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
        this.#send({ type: 'cancel', ...leaseRef(lease), reason: 'this lease does not belong to this worker' })
    if (engine.clock.now() - this.#recordedAt > RECORD_EVERY_MS) await this.#writeRecord()
  }

  // --- the rest -----------------------------------------------------------------------------------------------------

  #leaseOf(message: LeaseRef): HeldLease {
    return { ...leaseRef(message), workerId: this.workerId }
  }

  #follow(lease: LeaseRef, { ended, lease: state, say }: LeaseAnswer): void {
    if (ended === 'well') this.#coolDown.succeeded()
    else if (ended !== undefined) this.#failed(ended)
    if (state === 'delivering') this.#held.keep(this.#leaseOf(lease), true)
    else this.#held.drop(lease)
    if (say !== undefined) this.#send(say)
    // Its slot is free again.
    if (state === 'delivering') this.#context.dispatcher.kick()
    else this.#context.dispatcher.freed(lease.jobId)
  }

  #failed(code: FailureCode): void {
    const { engine } = this.#context
    const coolDownMs = FAILURES[code] === 'worker' ? this.#coolDown.failed(engine.clock.now()) : 0
    if (coolDownMs === 0) return
    engine.log.warn(
      { workerId: this.workerId, code, coolDownMs },
      'the worker failed several tasks in a row and gets none for a while',
    )
    this.#recordedAt = 0 // shown with the next heartbeat
  }

  #send(message: CoordinatorMessage): boolean {
    if (this.#socket.readyState !== this.#socket.OPEN) return false
    if (this.#socket.bufferedAmount > UNSENT_BYTES_MAX) {
      this.close(CLOSE_CODES.overloaded, 'the worker does not read what it is sent')
      return false
    }
    this.#socket.send(JSON.stringify(message))
    return true
  }

  async #writeRecord(): Promise<void> {
    if (this.#record === null) return
    const { engine } = this.#context
    const now = engine.clock.now()
    this.#recordedAt = now
    const stored = await engine.store.worker(this.#record.id)
    const { coolsDownUntil: _before, ...record } = this.#record
    const coolsDownUntil = this.#coolDown.until(now)
    this.#record = {
      ...record,
      ...(coolsDownUntil === undefined ? {} : { coolsDownUntil }),
      ...(stored === null ? {} : { quarantined: stored.quarantined }),
      state: this.#state === 'draining' ? 'draining' : 'connected',
      leases: this.#held.size,
      rendering: this.#held.told(),
      lastSeenAt: now,
    }
    await engine.store.putWorker(this.#record)
  }

  /** A worker that says nothing for three heartbeats is taken for gone. */
  #listen(ms = this.#context.engine.times.heartbeatMs * 3, why = 'no message for three heartbeats'): void {
    if (this.#silence !== null) clearTimeout(this.#silence)
    this.#silence = setTimeout(() => this.close(CLOSE_CODES.silent, why), ms)
  }

  #sessionTtlMs(): number {
    return this.#context.engine.times.heartbeatMs * 3
  }

  async #closed(): Promise<void> {
    const { engine, dispatcher, sessionId } = this.#context
    if (this.#silence !== null) clearTimeout(this.#silence)
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
