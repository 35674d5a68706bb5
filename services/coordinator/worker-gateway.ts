import { createHash } from 'node:crypto'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import websocket from '@fastify/websocket'
import type { WebSocket } from 'ws'
import type { Engine } from '../../shared/engine/context.ts'
import type { Dispatcher } from '../../shared/engine/dispatch/dispatcher.ts'
import { LIMITS } from '../../shared/protocol/limits.ts'
import { CLOSE_CODES } from '../../shared/protocol/messages.ts'
import type { Notice } from '../../shared/ports/work-queue.ts'
import { Turnstile } from './turnstile.ts'
import { type DoorLimits, WorkerDoor } from './worker-door.ts'
import { closeSurely } from './close-surely.ts'
import { WorkerSession } from './worker-session.ts'

/** The door for workers: `GET /v1/worker` as a WebSocket, with a worker's token as bearer. */
export class WorkerGateway {
  readonly #engine: Engine
  readonly #dispatcher: Dispatcher
  readonly #sessions = new Set<WorkerSession>()
  readonly #ready = new Map<string, WorkerSession>()

  readonly #door: WorkerDoor
  readonly #greetings = new Turnstile(LIMITS.greetingsAtOnceMax)

  readonly #helloMs: number

  /** `limits`: those of LIMITS where left out. */
  constructor(engine: Engine, dispatcher: Dispatcher, limits: Partial<DoorLimits> & { helloMs?: number } = {}) {
    this.#engine = engine
    this.#dispatcher = dispatcher
    this.#door = new WorkerDoor(limits)
    this.#helloMs = limits.helloMs ?? LIMITS.helloSecondsMax * 1000
  }

  /** Must be called before the app is ready. */
  async register(app: FastifyInstance): Promise<void> {
    await app.register(websocket, { options: { maxPayload: LIMITS.workerMessageBytesMax } })
    await app.register(async (scope) => {
      scope.get('/v1/worker', { websocket: true, schema: { hide: true } }, (socket, request) => this.#receive(socket, request))
    })
  }

  async #receive(socket: WebSocket, request: FastifyRequest): Promise<void> {
    const guest = this.#door.enter(request.ip)
    if (typeof guest === 'string') return turnAway(socket, CLOSE_CODES.overloaded, guest)
    socket.once('close', guest.gone)
    // A worker may speak before its token is looked up: its messages wait in the socket.
    socket.pause()
    let owner: { name: string; anchor: boolean } | null
    try {
      owner = await this.#ownerOf(request.headers.authorization)
    } catch (error) {
      this.#engine.log.warn({ error }, 'token of a worker could not be looked up')
      return turnAway(socket, CLOSE_CODES.going_away, 'the farm cannot answer now; connect again')
    }
    if (owner === null) return turnAway(socket, CLOSE_CODES.unauthorized, 'the token is not one of a worker of this farm')
    if (socket.readyState !== socket.OPEN) return // it left meanwhile, and nobody would hear of it again
    const tooMany = guest.belongsTo(owner.name)
    if (tooMany !== null) return turnAway(socket, CLOSE_CODES.overloaded, tooMany)
    const session = new WorkerSession(socket, {
      engine: this.#engine,
      dispatcher: this.#dispatcher,
      sessionId: Buffer.from(this.#engine.random.bytes(12)).toString('hex'),
      owner: owner.name,
      anchor: owner.anchor,
      helloMs: this.#helloMs,
      greet: (greeting) => this.#greetings.pass(greeting),
      onReady: (ready) => {
        guest.greeted()
        this.#ready.get(ready.workerId)?.close(CLOSE_CODES.replaced, 'a newer connection of this worker is open')
        this.#ready.set(ready.workerId, ready)
      },
      onClose: (closed) => {
        if (closed.seated && this.#ready.get(closed.workerId) === closed) this.#ready.delete(closed.workerId)
      },
    })
    this.#sessions.add(session)
    void session.ended.then(() => this.#sessions.delete(session))
    socket.resume()
  }

  /** What other processes of the farm tell: new work, a lease that was taken away. */
  hear(notice: Notice): void {
    switch (notice.type) {
      case 'work_waiting':
      case 'job_changed':
        this.#dispatcher.refresh(notice.jobId).catch((error: unknown) => this.#engine.log.warn({ error }, 'job not refreshed, the next round does it'))
        return
      case 'lease_canceled':
        this.#ready.get(notice.workerId)?.cancel(notice.jobId, notice.taskId, notice.epoch, notice.reason)
        return
    }
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
    const token = /^Bearer (.{1,512})$/.exec(authorization ?? '')?.[1]
    if (token === undefined) return null
    const known = await this.#engine.store.token(createHash('sha256').update(token).digest('hex'))
    return known !== null && known.scopes.includes('worker') ? { name: known.name, anchor: known.scopes.includes('anchor') } : null
  }
}

/** Closes a connection that has no session; what it sent is not read. */
function turnAway(socket: WebSocket, code: number, reason: string): void {
  socket.resume()
  closeSurely(socket, code, reason)
}
