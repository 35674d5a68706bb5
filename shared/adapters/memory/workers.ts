import type { Credit } from '../../domain/effect.ts'
import type { Clock } from '../../ports/core.ts'
import { checkWorker } from '../../ports/storable.ts'
import type { WorkerId } from '../../protocol/ids.ts'
import type { WorkerRecord } from '../../protocol/worker.ts'
import { kept } from './kept.ts'

type Counts = { completed: number; failed: number; refuted: number }

const NO_COUNTS: Counts = { completed: 0, failed: 0, refuted: 0 }

/** All that the farm store keeps of workers, in memory: records, counts, quarantines and sessions. */
export class MemoryWorkers {
  readonly #clock: Clock
  readonly #records = new Map<WorkerId, WorkerRecord>()
  readonly #counts = new Map<WorkerId, Counts>()
  readonly #quarantines = new Map<WorkerId, boolean>()
  /** Newest session of each worker; empty once that ended. */
  readonly #holders = new Map<WorkerId, string>()
  readonly #sessionEnds = new Map<WorkerId, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  clear(): void {
    for (const all of [this.#records, this.#counts, this.#quarantines, this.#holders, this.#sessionEnds]) all.clear()
  }

  get size(): number {
    return this.#records.size
  }

  worker(id: WorkerId): WorkerRecord | null {
    const worker = this.#records.get(id)
    return worker === undefined ? null : this.#withCounts(worker)
  }

  all(): WorkerRecord[] {
    return [...this.#records.values()].map((worker) => this.#withCounts(worker)).sort((a, b) => (a.id < b.id ? -1 : 1))
  }

  /** Counts and quarantine are taken from the first record of a worker only. */
  put(worker: WorkerRecord): void {
    checkWorker(worker)
    this.#records.set(worker.id, kept(worker))
    const first = { completed: worker.tasksCompleted, failed: worker.tasksFailed, refuted: worker.tasksRefuted }
    if (!this.#counts.has(worker.id)) this.#counts.set(worker.id, first)
    if (!this.#quarantines.has(worker.id)) this.#quarantines.set(worker.id, worker.quarantined)
  }

  restore(worker: WorkerRecord): void {
    this.#counts.delete(worker.id)
    this.#quarantines.delete(worker.id)
    this.put(worker)
  }

  credit({ workerId, completed = 0, failed = 0, refuted = 0 }: Credit): void {
    const old = this.#counts.get(workerId) ?? NO_COUNTS
    this.#counts.set(workerId, {
      completed: old.completed + completed,
      failed: old.failed + failed,
      refuted: old.refuted + refuted,
    })
  }

  setQuarantined(id: WorkerId, quarantined: boolean): void {
    this.#quarantines.set(id, quarantined)
  }

  /** Longest unseen first. */
  unseen(before: number, limit: number, offset: number): WorkerId[] {
    const unseen = [...this.#records.values()]
      .filter(({ lastSeenAt }) => lastSeenAt < before)
      .sort((a, b) => a.lastSeenAt - b.lastSeenAt)
    return unseen.slice(offset, offset + limit).map(({ id }) => id)
  }

  /** True if nothing is known of it any more. */
  forget(id: WorkerId, before: number): boolean {
    if (
      (this.#records.get(id)?.lastSeenAt ?? -Infinity) >= before ||
      (this.#sessionEnds.get(id) ?? -Infinity) > this.#clock.now()
    )
      return false
    for (const all of [this.#records, this.#counts, this.#quarantines, this.#holders, this.#sessionEnds]) all.delete(id)
    return true
  }

  holdSession(workerId: WorkerId, sessionId: string, ttlMs: number): void {
    this.#holders.set(workerId, sessionId)
    this.#sessionEnds.set(workerId, this.#clock.now() + ttlMs)
  }

  /** True while no newer session of the worker was opened. */
  keepSession(workerId: WorkerId, sessionId: string, ttlMs: number): boolean {
    const holder = this.#holders.get(workerId)
    if (holder !== undefined && holder !== sessionId) return false
    this.holdSession(workerId, sessionId, ttlMs)
    return true
  }

  endSession(workerId: WorkerId, sessionId: string): void {
    if (this.#holders.get(workerId) !== sessionId) return
    this.#holders.set(workerId, '')
    this.#sessionEnds.delete(workerId)
  }

  connected(): Set<WorkerId> {
    const now = this.#clock.now()
    return new Set([...this.#sessionEnds].filter(([, endsAt]) => endsAt > now).map(([id]) => id))
  }

  #withCounts(worker: WorkerRecord): WorkerRecord {
    const counts = this.#counts.get(worker.id) ?? NO_COUNTS
    return {
      ...worker,
      tasksCompleted: counts.completed,
      tasksFailed: counts.failed,
      tasksRefuted: counts.refuted,
      quarantined: this.#quarantines.get(worker.id) ?? false,
    }
  }
}
