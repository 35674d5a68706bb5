import { checkHolder } from '../../shared/domain/task/attempts.ts'
import type { Engine } from '../../shared/engine/context.ts'
import type { HeldLease } from '../../shared/engine/results/hand-in.ts'
import type { Sha256 } from '../../shared/protocol/ids.ts'
import { type LeaseRef, leaseRef, type WorkerMessage } from '../../shared/protocol/messages.ts'
import type { WorkerRecord } from '../../shared/protocol/worker.ts'

/** What a worker last told of a task it renders. */
export type Told = NonNullable<WorkerRecord['rendering']>[number]

interface Held extends HeldLease {
  /** Its files are on the way; it takes no slot any more. */
  readonly delivering: boolean
  /** Not known of a lease from before a connection dropped. */
  readonly scene?: Sha256 | undefined
  told?: Told
}

/** The leases of one connected worker, as its coordinator knows them. */
export class HeldLeases {
  readonly #held = new Map<string, Held>()

  get size(): number {
    return this.#held.size
  }

  has(lease: LeaseRef): boolean {
    return this.#held.has(keyOf(lease))
  }

  keep(lease: HeldLease, delivering: boolean, scene = this.sceneOf(lease)): void {
    this.#held.set(keyOf(lease), { ...leaseRef(lease), workerId: lease.workerId, delivering, scene })
  }

  /** The scene that a held lease is of, where it is known. */
  sceneOf(lease: LeaseRef): Sha256 | undefined {
    return this.#held.get(keyOf(lease))?.scene
  }

  /** True when a lease from before the connection dropped is still the worker's; it is kept and renewed then. */
  async resume(engine: Engine, lease: HeldLease): Promise<boolean> {
    const [task] = await engine.store.tasks(lease.jobId, [lease.taskId])
    if (task == null || !checkHolder(task.value, lease.workerId, lease.epoch).ok) return false
    const gone = await engine.store.renew(
      lease.jobId,
      [{ taskId: lease.taskId, epoch: lease.epoch }],
      engine.clock.now() + engine.times.leaseMs,
    )
    if (gone.length > 0) return false
    this.keep(lease, task.value.state === 'delivering')
    return true
  }

  /** Renews those of the named leases that are held here, and gives those that turned out to be over. */
  async renew(engine: Engine, named: readonly LeaseRef[]): Promise<LeaseRef[]> {
    const over: LeaseRef[] = []
    for (const jobId of new Set(named.map((lease) => lease.jobId))) {
      const own = named
        .filter((lease) => lease.jobId === jobId && this.has(lease))
        .map(({ taskId, epoch }) => ({ taskId, epoch }))
      const gone = await engine.store.renew(jobId, own, engine.clock.now() + engine.times.leaseMs)
      over.push(...gone.map(({ taskId, epoch }) => ({ jobId, taskId, epoch })).filter((lease) => this.has(lease)))
    }
    return over
  }

  drop(lease: LeaseRef): void {
    this.#held.delete(keyOf(lease))
  }

  /** Progress of a lease that is not held is nobody's. */
  tell(progress: Extract<WorkerMessage, { type: 'progress' }>): void {
    const held = this.#held.get(keyOf(progress))
    if (held === undefined) return
    const { jobId, taskId, frame, samplesDone, samplesTotal, secondsLeft } = progress
    held.told = {
      jobId,
      taskId,
      frame,
      samplesDone,
      samplesTotal,
      ...(secondsLeft === undefined ? {} : { secondsLeft }),
    }
  }

  /** Leases that render or wait to render. */
  rendering(): number {
    let rendering = 0
    for (const lease of this.#held.values()) if (!lease.delivering) rendering += 1
    return rendering
  }

  told(): Told[] {
    return [...this.#held.values()].flatMap((lease) => (lease.delivering ? [] : (lease.told ?? [])))
  }
}

function keyOf(lease: LeaseRef): string {
  return `${lease.jobId} ${lease.taskId} ${lease.epoch}`
}
