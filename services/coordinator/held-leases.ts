import type { HeldLease } from '../../shared/engine/hand-in.ts'
import type { LeaseRef } from '../../shared/protocol/messages.ts'
import type { WorkerRecord } from '../../shared/protocol/worker.ts'

/** What a worker last told of a task it renders. */
export type Told = NonNullable<WorkerRecord['rendering']>[number]

interface Held extends HeldLease {
  /** Its files are on the way; it takes no slot any more. */
  readonly delivering: boolean
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

  keep(lease: HeldLease, delivering: boolean): void {
    this.#held.set(keyOf(lease), { ...refOf(lease), workerId: lease.workerId, delivering })
  }

  drop(lease: LeaseRef): void {
    this.#held.delete(keyOf(lease))
  }

  /** Progress of a lease that is not held is nobody's. */
  tell(lease: LeaseRef, told: Told): void {
    const held = this.#held.get(keyOf(lease))
    if (held !== undefined) held.told = told
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

export function refOf(lease: LeaseRef): LeaseRef {
  return { jobId: lease.jobId, taskId: lease.taskId, epoch: lease.epoch }
}

function keyOf(lease: LeaseRef): string {
  return `${lease.jobId} ${lease.taskId} ${lease.epoch}`
}
