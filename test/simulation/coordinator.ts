import { type Logger, pino } from 'pino'
import { WorkerSession } from '../../services/coordinator/worker-session.ts'
import { type Engine, ENGINE_TIMES } from '../../shared/engine/context.ts'
import { Dispatcher } from '../../shared/engine/dispatch/dispatcher.ts'
import { Rounds } from '../../shared/engine/loops/rounds.ts'
import { FarmStoreUnavailable } from '../../shared/ports/farm-store.ts'
import { ObjectMissing, StoreUnavailable } from '../../shared/ports/object-store.ts'
import type { Bulletin, Notice } from '../../shared/ports/work-queue.ts'
import { CLOSE_CODES } from '../../shared/protocol/messages.ts'
import type { Wire } from './network.ts'
import { farmStoreOutage, objectStoreOutage, simulated } from './ports.ts'
import { SimulatedProcess } from './process.ts'
import type { SimulatedWorker } from './worker.ts'
import type { World } from './world.ts'

/** The engine of one process: the farm's stores at the end of its own bad lines. */
export function engineOf(world: World, process: SimulatedProcess, bulletin: Bulletin): Engine {
  const { agenda, trace } = world
  const farm = { agenda, trace, random: world.random.fork(`farm store of ${process.name}`), weather: world.farmPath }
  const objects = { agenda, trace, random: world.random.fork(`objects of ${process.name}`), weather: world.objectPath }
  const skewMs = world.random
    .fork(`clock of ${process.name}`)
    .between(-world.weather.clockSkewMsMax, world.weather.clockSkewMsMax)
  const noise = world.random.fork(`noise of ${process.name}`)
  const inHand = (answer: unknown) =>
    typeof answer === 'object' && answer !== null && 'giveBack' in answer
      ? simulated(answer, process, farm, { name: 'taken', outage: farmStoreOutage })
      : answer
  return {
    store: simulated(world.store, process, farm, { name: 'store', outage: farmStoreOutage }),
    queue: simulated(world.queue, process, farm, { name: 'queue', outage: farmStoreOutage, wrap: inHand }),
    objects: simulated(world.objectsSeen, process, objects, {
      name: 'objects',
      outage: objectStoreOutage,
      direct: ['signedGet', 'signedPut'],
    }),
    bulletin,
    clock: { now: () => Math.floor(agenda.now() + skewMs) },
    random: { float: () => noise.float(), bytes: (count) => noise.bytes(count) },
    log: logOf(world, process.name),
    secret: 'secret',
    times: ENGINE_TIMES,
  }
}

/** What is said goes into the trace; an error that is no outage is a bug and fails the run. */
function logOf(world: World, who: string): Logger {
  const hooks = {
    logMethod(this: unknown, args: unknown[]): void {
      const [fields, message] = args
      const error = typeof fields === 'object' && fields !== null && 'error' in fields ? fields.error : undefined
      world.trace.remark(
        who,
        () =>
          `says: ${String(message)} ` +
          JSON.stringify(fields, (name, value: unknown) =>
            value instanceof Error ? value.message : name === 'error' ? String(value) : value,
          ),
      )
      if (
        error instanceof Error &&
        !(error instanceof FarmStoreUnavailable) &&
        !(error instanceof StoreUnavailable) &&
        !(error instanceof ObjectMissing)
      )
        world.fail('no-bugs', `${who}: ${String(message)}: ${error.stack ?? error.message}`)
    },
  }
  return pino({ level: 'info', hooks }, { write: () => undefined })
}

/** Tells every coordinator, sooner or later or, while nothing is healed, never. */
export function bulletinOf(world: World, process: SimulatedProcess): Bulletin {
  const random = world.random.fork(`bulletin of ${process.name}`)
  return {
    publish: (notice: Notice) =>
      new Promise<void>((done) => {
        world.told(notice)
        for (const coordinator of world.coordinators) {
          const lost = !world.healed && random.chance(world.weather.noticeLossShare)
          const delayMs = random.between(0, world.farmPath.delayMsMax * 2)
          if (!lost) world.agenda.after(delayMs, () => coordinator.process.enter(() => coordinator.hear(notice)))
        }
        world.agenda.after(random.between(0, world.farmPath.delayMsMax), () => process.enter(done))
      }),
    subscribe: () => Promise.resolve(() => Promise.resolve()),
  }
}

/** One process of services/coordinator, without its REST door: the very sessions, dispatcher and rounds. */
export class Coordinator {
  readonly process: SimulatedProcess
  readonly engine: Engine
  readonly rounds: Rounds
  readonly #world: World
  readonly #dispatcher: Dispatcher
  readonly #sessions = new Set<WorkerSession>()
  readonly #ready = new Map<string, WorkerSession>()

  constructor(world: World, name: string) {
    this.#world = world
    this.process = new SimulatedProcess(name, world.agenda)
    this.engine = engineOf(world, this.process, bulletinOf(world, this.process))
    this.#dispatcher = new Dispatcher(this.engine)
    this.rounds = new Rounds(this.engine, this.#dispatcher)
    this.process.enter(() => this.rounds.start())
  }

  /** As the gateway does with a socket whose token is known. */
  accept(wire: Wire, worker: SimulatedWorker): void {
    this.process.enter(() => {
      const { socket } = wire
      let drains = false
      socket.on('message', (text: string) => (drains ||= text.startsWith('{"type":"draining"')))
      socket.on('sent', (message) => this.#world.sent(worker, message, drains))
      const session = new WorkerSession(socket.asWebSocket(), {
        engine: this.engine,
        dispatcher: this.#dispatcher,
        sessionId: Buffer.from(this.engine.random.bytes(12)).toString('hex'),
        owner: 'grace',
        onReady: (ready) => {
          this.#ready.get(ready.workerId)?.close(CLOSE_CODES.replaced, 'this worker has connected again')
          this.#ready.set(ready.workerId, ready)
        },
        onClose: (closed) => {
          for (const [id, each] of this.#ready) if (each === closed) this.#ready.delete(id)
        },
      })
      this.#sessions.add(session)
      void session.ended.then(() => this.#sessions.delete(session))
    })
  }

  hear(notice: Notice): void {
    if (notice.type === 'lease_canceled')
      return this.#ready.get(notice.workerId)?.cancel(notice.jobId, notice.taskId, notice.epoch, notice.reason)
    this.#dispatcher
      .refresh(notice.jobId)
      .catch((error: unknown) => this.engine.log.warn({ error }, 'job not refreshed, the next round does it'))
    return undefined
  }

  /** SIGTERM: lets its workers go, finishes its round, and is gone. */
  stop(gone: () => void): void {
    this.process.enter(() => {
      this.#dispatcher.stop()
      for (const session of this.#sessions) session.close(CLOSE_CODES.going_away, 'this coordinator stops')
      void Promise.all([...this.#sessions].map((session) => session.ended))
        .then(() => this.rounds.stop())
        .then(() => {
          this.process.kill()
          gone()
        })
    })
  }
}
