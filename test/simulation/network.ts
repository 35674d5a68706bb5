/*
 * The line between workers and coordinators. Two kinds: a `stream` keeps order and loses nothing until it is cut, as
 * TCP does; a `datagram` line loses, repeats and reorders single messages, which is harsher than anything a WebSocket
 * does.
 */
import { EventEmitter } from 'node:events'
import type { WebSocket } from 'ws'
import type { WorkerMessage } from '../../shared/protocol/messages.ts'
import type { Agenda } from './agenda.ts'
import type { SimulatedProcess } from './process.ts'
import type { SeededRandom } from './random.ts'
import type { Trace } from './trace.ts'

export interface LineWeather {
  kind: 'stream' | 'datagram'
  delayMsMax: number
  /** Shares of messages, for datagram lines. */
  loss: number
  duplication: number
}

/** What a worker hears. */
export interface WorkerEnd {
  message(text: string): void
  closed(code: number): void
}

export class Network {
  readonly weather: LineWeather
  readonly #agenda: Agenda
  readonly #random: SeededRandom
  readonly #trace: Trace
  readonly wires = new Set<Wire>()

  constructor(agenda: Agenda, random: SeededRandom, trace: Trace, weather: LineWeather) {
    this.#agenda = agenda
    this.#random = random
    this.#trace = trace
    this.weather = weather
  }

  connect(worker: SimulatedProcess, coordinator: SimulatedProcess, end: WorkerEnd): Wire {
    const wire = new Wire(this, worker, coordinator, end)
    this.wires.add(wire)
    worker.onDeath(() => this.cut(wire))
    coordinator.onDeath(() => this.cut(wire))
    return wire
  }

  /** The line is dead; each side finds out in its own time, or not before it gets no answer. */
  cut(wire: Wire): void {
    if (wire.dead) return
    this.#trace.record('network', `the line of ${wire.worker.name} to ${wire.coordinator.name} is cut`)
    wire.dead = true
    this.wires.delete(wire)
    this.#agenda.after(this.#random.between(0, 10_000), () => wire.worker.enter(() => wire.end.closed(1006)))
    this.#agenda.after(this.#random.between(0, this.#random.chance(0.3) ? 60_000 : 2_000), () =>
      wire.coordinator.enter(() => wire.socket.ended(1006)),
    )
  }

  /** `sure`: the end of a connection, of which each side hears whatever becomes of its messages. */
  carry(wire: Wire, to: 'worker' | 'coordinator', what: string, deliver: () => void, sure = false): void {
    const { kind, delayMsMax, loss, duplication } = this.weather
    const target = wire[to]
    const at = (delayMs: number) =>
      this.#agenda.after(delayMs, () => {
        if (wire.dead) return
        this.#trace.record(target.name, `<- ${wire[to === 'worker' ? 'coordinator' : 'worker'].name} ${what}`)
        target.enter(deliver)
      })
    const delay = () => this.#random.float() * delayMsMax
    if (kind === 'stream' || sure) {
      const now = this.#agenda.now()
      wire.busyUntil[to] = Math.max(wire.busyUntil[to], now + delay())
      return void at(wire.busyUntil[to] - now)
    }
    if (this.#random.chance(loss)) return this.#trace.record('network', `lost on the way to ${target.name}: ${what}`)
    at(delay())
    if (this.#random.chance(duplication)) at(delay() * 3)
  }
}

export class Wire {
  readonly worker: SimulatedProcess
  readonly coordinator: SimulatedProcess
  readonly end: WorkerEnd
  readonly socket: SimulatedSocket
  readonly busyUntil = { worker: 0, coordinator: 0 }
  dead = false
  readonly #network: Network

  constructor(network: Network, worker: SimulatedProcess, coordinator: SimulatedProcess, end: WorkerEnd) {
    this.#network = network
    this.worker = worker
    this.coordinator = coordinator
    this.end = end
    this.socket = new SimulatedSocket(this, network)
  }

  /** The worker speaks. */
  say(message: WorkerMessage): void {
    const text = JSON.stringify(message)
    this.#network.carry(this, 'coordinator', brief(message), () => this.socket.arrived(text))
  }

  /** The worker hangs up. */
  hangUp(): void {
    this.#network.carry(
      this,
      'coordinator',
      'hangs up',
      () => {
        this.dead = true
        this.#network.wires.delete(this)
        this.socket.ended(1005)
      },
      true,
    )
  }
}

/** The coordinator's end, with as much of a WebSocket as a session uses. */
export class SimulatedSocket extends EventEmitter {
  readonly OPEN = 1
  readyState = 1
  readonly bufferedAmount = 0
  readonly #wire: Wire
  readonly #network: Network
  #paused = false
  readonly #waiting: string[] = []

  constructor(wire: Wire, network: Network) {
    super()
    this.#wire = wire
    this.#network = network
  }

  /** For code that wants a WebSocket: it gets what it uses of one. */
  asWebSocket(): WebSocket {
    return this as unknown as WebSocket
  }

  send(text: string): void {
    const message: unknown = JSON.parse(text)
    this.emit('sent', message)
    this.#network.carry(this.#wire, 'worker', brief(message), () => this.#wire.end.message(text))
  }

  close(code: number): void {
    if (this.readyState !== 1) return
    this.readyState = 2
    this.#network.carry(
      this.#wire,
      'worker',
      `closed with ${code}`,
      () => {
        this.#wire.end.closed(code)
        this.#network.carry(this.#wire, 'coordinator', 'has closed', () => this.terminate(), true)
      },
      true,
    )
  }

  terminate(): void {
    if (this.#wire.dead) return this.ended(1006)
    this.#network.carry(this.#wire, 'worker', 'terminated', () => this.#wire.end.closed(1006), true)
    this.#network.wires.delete(this.#wire)
    this.ended(1006)
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    for (const text of this.#waiting.splice(0)) this.emit('message', text, false)
  }

  arrived(text: string): void {
    if (this.readyState === 3) return
    if (this.#paused) this.#waiting.push(text)
    else this.emit('message', text, false)
  }

  ended(code: number): void {
    if (this.readyState === 3) return
    this.readyState = 3
    this.emit('close', code)
  }
}

/** One line for the trace. */
function brief(message: unknown): string {
  const { type, taskId, epoch, leases, code } = message as {
    type?: string
    taskId?: string
    epoch?: number
    leases?: { taskId: string; epoch: number }[]
    code?: string
  }
  return [
    type,
    taskId === undefined ? '' : `${taskId}@${epoch}`,
    leases === undefined ? '' : `[${leases.map((lease) => `${lease.taskId}@${lease.epoch}`).join(' ')}]`,
    code ?? '',
  ]
    .filter((part) => part !== '')
    .join(' ')
}
