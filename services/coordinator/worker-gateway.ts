import type { FastifyInstance, FastifyRequest } from 'fastify'
import websocket from '@fastify/websocket'
import type { WebSocket } from 'ws'
import type { Engine } from '../../shared/engine/context.ts'
import type { Dispatcher } from '../../shared/engine/dispatch/dispatcher.ts'
import { LIMITS } from '../../shared/protocol/limits.ts'
import { CLOSE_CODES } from '../../shared/protocol/messages.ts'
import type { Notice } from '../../shared/ports/work-queue.ts'
import { findOwner, hasScope } from '../wiring/tokens.ts'
import { ConcurrencyLimit } from './concurrency-limit.ts'
import { type AdmissionLimits, Admission } from './admission.ts'
import { closeSurely } from './close-surely.ts'
import { WorkerSession } from './worker-session.ts'

/** The door for workers: `GET /v1/worker` as a WebSocket, with a worker's token as bearer. */
export class WorkerGateway {
  readonly #engine: Engine
  readonly #dispatcher: Dispatcher
  readonly #sessions = new Set<WorkerSession>()
  readonly #ready = new Map<string, WorkerSession>()

  readonly #admission: Admission
  readonly #greetings = new ConcurrencyLimit(LIMITS.greetingsAtOnceMax)

  readonly #helloMs: number

  /** `limits`: those of LIMITS where left out. */
  constructor(engine: Engine, dispatcher: Dispatcher, limits: Partial<AdmissionLimits> & { helloMs?: number } = {}) {
    this.#engine = engine
    this.#dispatcher = dispatcher
    this.#admission = new Admission(limits)
    this.#helloMs = limits.helloMs ?? LIMITS.helloSecondsMax * 1000
  }

  /** Must be called before the app is ready. */
  async register(app: FastifyInstance): Promise<void> {
    await app.register(websocket, { options: { maxPayload: LIMITS.workerMessageBytesMax } })
    await app.register(async (scope) => {
      scope.get('/v1/worker', { websocket: true, schema: { hide: true } }, (socket, request) =>
        this.#receive(socket, request),
      )
    })
  }

  async #receive(socket: WebSocket, request: FastifyRequest): Promise<void> {
    const arrival = this.#admission.enter(request.ip)
    if (typeof arrival === 'string') return turnAway(socket, CLOSE_CODES.overloaded, arrival)
    socket.once('close', arrival.gone)
    // A worker may speak before its token is looked up: its messages wait in the socket.
    socket.pause()
    let owner: { name: string; anchor: boolean } | null
    try {
      owner = await this.#ownerOf(request.headers.authorization)
    } catch (error) {
      this.#engine.log.warn({ error }, 'token of a worker could not be looked up')
      return turnAway(socket, CLOSE_CODES.going_away, 'the farm is not available right now; reconnect')
    }
    if (owner === null)
      return turnAway(socket, CLOSE_CODES.unauthorized, 'the token is not one of a worker of this farm')
    if (socket.readyState !== socket.OPEN) return // it left meanwhile, and nobody would hear of it again
    const tooMany = arrival.belongsTo(owner.name)
    if (tooMany !== null) return turnAway(socket, CLOSE_CODES.overloaded, tooMany)
    const session = new WorkerSession(socket, {
      engine: this.#engine,
      dispatcher: this.#dispatcher,
      sessionId: Buffer.from(this.#engine.random.bytes(12)).toString('hex'),
      owner: owner.name,
      anchor: owner.anchor,
      helloMs: this.#helloMs,
      greet: (greeting) => this.#greetings.run(greeting),
      onReady: (ready) => {
        arrival.greeted()
        this.#ready.get(ready.workerId)?.close(CLOSE_CODES.replaced, 'this worker has connected again')
        this.#ready.set(ready.workerId, ready)
      },
      onClose: (closed) => {
        if (closed.isGreeted && this.#ready.get(closed.workerId) === closed) this.#ready.delete(closed.workerId)
      },
    })
    this.#sessions.add(session)
    void session.ended.then(() => this.#sessions.delete(session))
    socket.resume()
  }

  /** Tells a worker that its lease was taken away, if it is connected here. */
  cancelLease({ workerId, jobId, taskId, epoch, reason }: Extract<Notice, { type: 'lease_canceled' }>): void {
    this.#ready.get(workerId)?.cancel(jobId, taskId, epoch, reason)
  }

  connected(): number {
    return this.#ready.size
  }

  /** Lets every worker go; they connect again, here or elsewhere, and keep their leases. */
  async close(): Promise<void> {
    const sessions = [...this.#sessions]
    for (const session of sessions) session.close(CLOSE_CODES.going_away, 'this coordinator stops')
    await Promise.all(sessions.map((session) => session.ended))
  }

  async #ownerOf(authorization: string | undefined): Promise<{ name: string; anchor: boolean } | null> {
    const found = await findOwner(this.#engine.store, authorization)
    return found.ok && hasScope(found.owner, 'worker')
      ? { name: found.owner.name, anchor: hasScope(found.owner, 'anchor') }
      : null
  }
}

/** Closes a connection that has no session; what it sent is not read. */
function turnAway(socket: WebSocket, code: number, reason: string): void {
  socket.resume()
  closeSurely(socket, code, reason)
}
