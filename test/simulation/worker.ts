import { CoordinatorMessage, type Lease, type LeaseRef, type WorkerMessage } from '../../shared/protocol/messages.ts'
import type { FailureCode } from '../../shared/protocol/failure.ts'
import type { WorkerId } from '../../shared/protocol/ids.ts'
import { attemptKey } from '../../shared/protocol/object-keys.ts'
import type { Capabilities } from '../../shared/protocol/worker.ts'
import { aHello } from '../support/hello.ts'
import { anInspection } from '../unit/domain/records.ts'
import { filesOf, type MadeFile } from './contents.ts'
import type { Wire } from './network.ts'
import { SimulatedProcess } from './process.ts'
import type { SeededRandom } from './random.ts'
import type { World } from './world.ts'

/** What a worker is like; shares are of leases, times in ms. */
export interface Character {
  readonly name: string
  readonly capabilities: Capabilities
  readonly renderMsMin: number
  readonly renderMsMax: number
  /** Hands in other pixels than the scene gives. */
  readonly lieShare: number
  /** Sends other bytes than it committed to. */
  readonly garbageShare: number
  /** Its lies are those of every other ring member. */
  readonly ring: boolean
  readonly failShare: number
  readonly failures: readonly FailureCode[]
  /** Forgets a lease and says nothing of it. */
  readonly forgetShare: number
}

type Conduct =
  | { readonly type: 'honest' | 'lie' | 'garbage' | 'forget' }
  | { readonly type: 'fail'; readonly code: FailureCode }

interface Held {
  readonly lease: Lease
  readonly conduct: Conduct
  phase: 'waiting' | 'rendering' | 'told' | 'uploading' | 'uploaded'
  files: MadeFile[]
  /** What is to be said again until it is answered. */
  told: WorkerMessage | null
  toldAt: number
}

/** After this long without an answer a worker says it again, in ms. */
const SAY_AGAIN_MS = 20_000
/** Tries of an upload before the worker gives up, with a pause of `UPLOAD_PAUSE_MS` between them. */
const UPLOAD_TRIES = 12
const UPLOAD_PAUSE_MS = 5_000

/** A worker as the protocol wants it, with the bad habits of its character. */
export class SimulatedWorker {
  readonly character: Character
  readonly id: WorkerId
  readonly leases = new Map<string, Held>()
  process: SimulatedProcess
  readonly #world: World
  readonly #random: SeededRandom
  /** When its line began, in ms. */
  connectedAt = 0
  #wire: Wire | null = null
  #welcome = false
  #heartbeatMs = 15_000
  #lives = 0
  /** It has said that it leaves, and is given nothing any more. */
  draining = false

  constructor(world: World, id: WorkerId, character: Character) {
    this.#world = world
    this.#random = world.random.fork(`worker ${character.name}`)
    this.id = id
    this.character = character
    this.process = new SimulatedProcess(character.name, world.agenda)
  }

  get connected(): boolean {
    return this.process.alive && this.#wire !== null && this.#welcome
  }

  /** Has shown anything but the scene, or may. */
  get honest(): boolean {
    return this.character.lieShare === 0 && this.character.garbageShare === 0
  }

  start(): void {
    this.#lives += 1
    this.process = new SimulatedProcess(
      `${this.character.name}${this.#lives > 1 ? `#${this.#lives}` : ''}`,
      this.#world.agenda,
    )
    this.leases.clear()
    this.draining = false
    this.#wire = null
    this.process.enter(() => {
      this.#connectLater(0)
      this.#beat()
    })
  }

  /** The machine is off; what it held is lost. */
  die(): void {
    this.process.kill()
    this.#wire = null
    this.leases.clear()
  }

  cutLine(): void {
    if (this.#wire !== null) this.#world.network.cut(this.#wire)
  }

  drain(): void {
    this.process.enter(() => {
      if (this.#wire === null || !this.#welcome) return
      this.draining = true
      this.#say({ type: 'draining' })
    })
  }

  // --- the connection -----------------------------------------------------------------------------------------------

  #connectLater(delayMs: number): void {
    this.process.after(delayMs, () => {
      if (this.#wire !== null) return
      const coordinator = this.#world.anyCoordinator(this.#random)
      if (coordinator === null) return this.#connectLater(this.#random.between(1_000, 5_000))
      const own: Wire = this.#world.network.connect(this.process, coordinator.process, {
        message: (text) => void (this.#wire === own && this.#hear(CoordinatorMessage.parse(JSON.parse(text)))),
        closed: () => this.#lost(own),
      })
      this.#wire = own
      this.#welcome = false
      coordinator.accept(own, this)
      const { name, capabilities } = this.character
      own.say(
        aHello(this.id.slice('wrk_'.length), { name, capabilities, leases: [...this.leases.values()].map(refOf) }),
      )
      this.process.after(15_000, () => {
        if (this.#wire !== own || this.#welcome) return
        own.hangUp()
        this.#lost(own)
      })
    })
  }

  #lost(wire: Wire): void {
    if (this.#wire !== wire) return
    this.#wire = null
    this.#welcome = false
    this.draining = false
    this.#connectLater(this.#random.between(500, 8_000))
  }

  #say(message: WorkerMessage): void {
    this.#wire?.say(message)
  }

  #beat(): void {
    this.process.after(this.#heartbeatMs, () => {
      this.#beat()
      if (!this.#welcome) return
      this.#say({
        type: 'heartbeat',
        leases: [...this.leases.values()].filter((held) => held.conduct.type !== 'forget').map(refOf),
      })
      const now = this.#world.agenda.now()
      for (const held of this.leases.values())
        if (held.told !== null && now - held.toldAt > SAY_AGAIN_MS) this.#tell(held, held.told)
    })
  }

  #hear(message: CoordinatorMessage): void {
    switch (message.type) {
      case 'welcome':
        this.#welcome = true
        this.connectedAt = this.#world.agenda.now()
        this.#heartbeatMs = message.heartbeatSeconds * 1000
        for (const lost of message.lost) this.#drop(lost)
        for (const held of this.leases.values()) if (held.told !== null) this.#tell(held, held.told)
        return
      case 'lease':
        return this.#take(message)
      case 'upload': {
        const held = this.leases.get(keyOf(message))
        if (held === undefined || held.phase !== 'told') return
        held.phase = 'uploading'
        held.told = null
        this.#upload(
          held,
          message.files.map((file) => file.name),
          1,
        )
        return
      }
      case 'release':
      case 'cancel':
        return this.#drop(message)
      case 'refused':
        if (message.lease !== undefined) this.#drop(message.lease)
        return
      case 'drain':
        return
    }
  }

  // --- rendering ----------------------------------------------------------------------------------------------------

  #take(lease: Lease): void {
    if (this.leases.has(keyOf(lease))) return
    this.leases.set(keyOf(lease), {
      lease,
      conduct: this.#conduct(lease),
      phase: 'waiting',
      files: [],
      told: null,
      toldAt: 0,
    })
    this.#begin()
  }

  #conduct(lease: Lease): Conduct {
    const { lieShare, garbageShare, failShare, failures, forgetShare } = this.character
    const calm = this.#world.healed
    const dice = this.#random.float()
    const second = this.#random.float()
    const code = this.#random.pick(failures)
    if (!calm && second < forgetShare) return { type: 'forget' }
    if (!calm && second < forgetShare + failShare) return { type: 'fail', code }
    if (lease.work.kind === 'inspect') return { type: 'honest' } // nobody checks inspections yet
    if (dice < lieShare) return { type: 'lie' }
    if (dice < lieShare + garbageShare) return { type: 'garbage' }
    return { type: 'honest' }
  }

  /** As many renders at a time as there are slots. */
  #begin(): void {
    const { renderMsMin, renderMsMax, capabilities } = this.character
    const busy = [...this.leases.values()].filter((held) => held.phase === 'rendering').length
    const next = [...this.leases.values()].find((held) => held.phase === 'waiting' && held.conduct.type !== 'forget')
    if (busy >= capabilities.slots || next === undefined) return
    next.phase = 'rendering'
    const slow = this.#world.healed ? Math.min(renderMsMax, 20_000) : renderMsMax
    this.process.after(this.#random.between(Math.min(renderMsMin, slow), slow), () => {
      if (this.leases.get(keyOf(next.lease)) !== next) return
      this.#ready(next)
      this.#begin()
    })
    this.#begin()
  }

  #ready(held: Held): void {
    const { lease, conduct } = held
    held.phase = 'told'
    if (conduct.type === 'fail')
      return this.#tell(held, {
        type: 'failure',
        ...refOf(held),
        failure: { code: conduct.code, message: `it was ${conduct.code}` },
      })
    if (lease.work.kind === 'inspect')
      return this.#tell(held, { type: 'inspected', ...refOf(held), inspection: anInspection(), seconds: 1 })
    held.files = filesOf(
      lease,
      conduct.type !== 'lie'
        ? null
        : this.character.ring
          ? 'lie of the ring'
          : `lie of ${this.id}, epoch ${lease.epoch}`,
    )
    this.#tell(held, {
      type: 'result',
      ...refOf(held),
      files: held.files.map(({ file }) => file),
      renderSeconds: 1,
      peakMemoryBytes: 1,
    })
  }

  #tell(held: Held, message: WorkerMessage): void {
    held.told = message
    held.toldAt = this.#world.agenda.now()
    this.#say(message)
  }

  #upload(held: Held, names: readonly string[], attempt: number): void {
    const { lease } = held
    this.process.after(this.#random.between(10, this.#world.weather.uploadMsMax), () => {
      if (this.leases.get(keyOf(lease)) !== held) return
      const lost = this.#world.objectPath.away || this.#random.chance(this.#world.objectPath.lostShare)
      if (lost && attempt < UPLOAD_TRIES)
        return void this.process.after(UPLOAD_PAUSE_MS, () => this.#upload(held, names, attempt + 1))
      if (lost)
        return this.#tell(held, {
          type: 'failure',
          ...refOf(held),
          failure: { code: 'upload_failed', message: 'the store does not answer' },
        })
      for (const name of names) {
        const made = held.files.find(({ file }) => file.name === name)
        if (made === undefined) throw new Error(`${this.id} is asked for ${name}, which it never made`)
        const line = held.conduct.type === 'garbage' ? 'x'.repeat(made.line.length) : made.line
        this.#world.upload(attemptKey(lease.jobId, lease.taskId, lease.epoch, name), line, lease.jobId)
      }
      held.phase = 'uploaded'
      this.#tell(held, { type: 'uploaded', ...refOf(held) })
    })
  }

  #drop(lease: LeaseRef): void {
    if (this.leases.delete(keyOf(lease))) this.#begin()
  }
}

export function keyOf(lease: LeaseRef): string {
  return `${lease.jobId} ${lease.taskId} ${lease.epoch}`
}

function refOf(held: Held): LeaseRef {
  const { jobId, taskId, epoch } = held.lease
  return { jobId, taskId, epoch }
}
