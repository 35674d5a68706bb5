import { isEligible } from '../../domain/scheduling/eligibility.ts'
import { byTurn } from '../../domain/scheduling/job-order.ts'
import { mayHave } from '../../domain/scheduling/task-fit.ts'
import { isDue } from '../../domain/task/retry.ts'
import { grantSecondLease } from '../../domain/task/grant-lease.ts'
import type { JobId, TaskId, WorkerId } from '../../protocol/ids.ts'
import type { Capabilities } from '../../protocol/worker.ts'
import { WorkerRoster } from './worker-roster.ts'
import type { Engine } from '../context.ts'
import { findStragglers } from './find-stragglers.ts'
import { asQueued, type Given, giveLease } from './give-lease.ts'
import type { ConnectedWorker } from './connected-worker.ts'
import { hasRoom, type OpenJob, OpenJobs } from './open-jobs.ts'

/** Picky tasks looked at in one go: few exist at a time, and the oldest go first. */
const PICKY_LOOK = 50
/** And when none of those will do: after an outage many wait for the end of a pause. */
const PICKY_LOOK_MAX = 500
/** Leases being made at the same time; more only wait for the same Redis. */
const PARALLEL_MAX = 64

/**
 * Gives waiting tasks to workers connected to this coordinator, at once when either appears. Which job is decided here
 * (priority, fair share, eligibility); which task of it, the queue decides. Any number of dispatchers may run: every
 * lease is a commit, and of two that want one task only one succeeds.
 */
export class Dispatcher {
  readonly #engine: Engine
  readonly #workers = new Map<WorkerId, ConnectedWorker>()
  readonly #jobs: OpenJobs
  #roster = new WorkerRoster(new Map(), new Set())
  #inFlight = 0
  #round: Promise<void> | null = null
  #again = false
  #stopped = false

  constructor(engine: Engine) {
    this.#engine = engine
    this.#jobs = new OpenJobs(engine, () => this.kick())
  }

  addWorker(worker: ConnectedWorker): void {
    this.#workers.set(worker.workerId, worker)
    this.#roster.add(worker)
    this.kick()
  }

  removeWorker(worker: ConnectedWorker): void {
    if (this.#workers.get(worker.workerId) === worker) this.#workers.delete(worker.workerId)
  }

  stop(): void {
    this.#stopped = true
  }

  /** Other connected workers of the whole farm, so that a task is not withheld for somebody who left. */
  setConnected(workers: ReadonlyMap<WorkerId, Capabilities>, anchors: ReadonlySet<WorkerId> = new Set()): void {
    this.#roster = new WorkerRoster(workers, anchors)
  }

  /** Reads the counters of all jobs that are open now, and lets go of what is not open any more. */
  refreshAll(): Promise<void> {
    return this.#jobs.refreshAll()
  }

  /** Reads a job's counters anew; called on every notice about it. */
  refresh(jobId: JobId): Promise<void> {
    return this.#jobs.refresh(jobId)
  }

  /** A worker here holds a task of the job less; one that had no place under its cap may have it. */
  freed(jobId: JobId): void {
    if (this.#jobs.get(jobId)?.record.cap !== undefined) void this.#jobs.tryRefresh(jobId)
    this.kick()
  }

  /** Looks for something to give; many calls at once are one. */
  kick(): void {
    if (this.#stopped) return
    this.#again = true
    this.#round ??= this.#rounds().finally(() => {
      this.#round = null
      if (this.#again) this.kick()
    })
  }

  async #rounds(): Promise<void> {
    while (this.#again && !this.#stopped) {
      // One look for everything that came in this turn of the event loop: a look costs as many steps as there are
      // workers.
      await new Promise((resolve) => setImmediate(resolve))
      this.#again = false
      try {
        this.#serveAll()
      } catch (error) {
        this.#engine.log.error({ error }, 'dispatch round failed')
      }
    }
  }

  #serveAll(): void {
    const waiting = this.#jobs.waiting()
    if (waiting.length === 0) return
    // A task is given in advance only while there are more than enough, so that nobody idles near the end; a cap leaves
    // none for that.
    const plenty = waiting.filter(
      (job) => job.record.cap === undefined && (job.picky > 0 || job.open > this.#workers.size),
    )
    for (const worker of this.#roomiest()) {
      if (this.#inFlight >= PARALLEL_MAX) return
      const order = (worker.busy() ? plenty : waiting)
        .filter(
          (job) =>
            hasRoom(job) &&
            !job.passed.has(worker.workerId) &&
            isEligible(job.record.requirement, worker.capabilities) &&
            worker.takes(job.record.scene.sha256),
        )
        .sort((a, b) => byTurn(turnOf(a), turnOf(b)))
      if (order.length === 0) continue
      const first = order[0]
      const free = worker.reserve()
      this.#inFlight += 1
      if (first !== undefined) first.running += 1 // counted at once, so that the next worker sees a fair share
      void this.#serve(worker, order)
        .catch((error: unknown) => {
          this.#engine.log.warn({ workerId: worker.workerId, error }, 'no lease could be made, tried again later')
          return false
        })
        .then((given) => {
          free()
          this.#inFlight -= 1
          if (!given && first !== undefined) first.running -= 1
          const capped = given ? [] : order.filter((job) => job.record.cap !== undefined)
          for (const job of capped) job.passed.add(worker.workerId)
          if (given || capped.length > 0) this.kick()
        })
    }
  }

  /**
   * Workers with room, those that hold least first. Sorted by counting: with thousands of them this is most of what
   * a look costs.
   */
  *#roomiest(): Generator<ConnectedWorker> {
    const byHeld: ConnectedWorker[][] = []
    for (const worker of this.#workers.values())
      if (worker.open() && worker.room() > 0) (byHeld[worker.held()] ??= []).push(worker)
    for (const workers of byHeld) yield* workers ?? []
  }

  /** True when the worker got a task of one of the jobs, tried in order. */
  async #serve(worker: ConnectedWorker, order: readonly OpenJob[]): Promise<boolean> {
    for (const job of order) {
      if (job.picky > 0 && (await this.#givePicky(worker, job))) return true
      if (job.open > 0 && (await this.#giveNext(worker, job))) return true
    }
    return false
  }

  async #giveNext(worker: ConnectedWorker, job: OpenJob): Promise<boolean> {
    for (;;) {
      const taken = await this.#engine.queue.takeTask(job.record.id)
      if (taken === null) {
        job.open = 0 // until a notice or the next refresh says otherwise
        return false
      }
      if (!worker.open()) {
        await taken.giveBack()
        return false
      }
      const given = await this.#leaseQueued(worker, job, taken.taskId, taken.epoch)
      if (given === 'not_now') {
        await taken.giveBack()
        return false
      }
      // Nobody waits for this: an entry that stays comes back by and by, and its epoch tells that it is stale.
      taken
        .done()
        .catch((error: unknown) => this.#engine.log.warn({ error, taskId: taken.taskId }, 'queue entry not removed'))
      if (given === 'given') {
        job.open = Math.max(0, job.open - 1)
        return true
      }
    }
  }

  async #givePicky(worker: ConnectedWorker, job: OpenJob): Promise<boolean> {
    const ids = await this.#engine.store.picky(job.record.id, PICKY_LOOK)
    if (ids.length === 0) job.picky = 0
    return (
      (await this.#giveOneOf(ids, worker, job)) ||
      (ids.length === PICKY_LOOK &&
        (await this.#giveOneOf(
          (await this.#engine.store.picky(job.record.id, PICKY_LOOK_MAX)).slice(PICKY_LOOK),
          worker,
          job,
        )))
    )
  }

  async #giveOneOf(ids: readonly TaskId[], worker: ConnectedWorker, job: OpenJob): Promise<boolean> {
    const tasks = await this.#engine.store.tasks(job.record.id, ids)
    const now = this.#engine.clock.now()
    const others = this.#roster.othersFor(job.record, worker.workerId)
    const anchors = this.#roster.anchorsFor(job.record)
    for (const task of tasks) {
      if (
        task === null ||
        task.value.state !== 'queued' ||
        !isDue(task.value, now) ||
        this.#roster.fartherFor(job.record, task.value).includes(worker.workerId) ||
        !mayHave(task.value, worker.workerId, others, anchors, this.#roster.tooSmallFor(task.value, worker))
      )
        continue
      const given = await this.#leaseQueued(worker, job, task.value.id, task.value.epoch)
      if (given === 'not_now') return false
      if (given === 'given') {
        job.picky = Math.max(0, job.picky - 1)
        return true
      }
    }
    return false
  }

  async #leaseQueued(worker: ConnectedWorker, job: OpenJob, taskId: TaskId, epoch: number): Promise<Given> {
    const given = await giveLease(this.#engine, {
      roster: this.#roster,
      worker,
      job: job.record,
      taskId,
      grant: asQueued(epoch),
    })
    if (given === 'not_now') job.open = job.picky = 0 // until a notice or the next refresh says otherwise
    return given
  }

  /**
   * Near the end of a job: workers that idle get a second attempt of what is slow, the slowest first. Called once a
   * round, so that it costs a look at the leases of a job and not one for each worker.
   */
  async serveStragglers(): Promise<void> {
    for (const job of this.#jobs.all())
      await this.#serveStragglersOf(job).catch((error: unknown) =>
        this.#engine.log.warn(
          { jobId: job.record.id, error },
          'no second attempt could be made, tried again in the next round',
        ),
      )
  }

  async #serveStragglersOf(job: OpenJob): Promise<void> {
    if (job.open > 0 || job.running === 0 || this.#stopped) return
    const idle = [...this.#workers.values()].filter(
      (worker) =>
        worker.open() &&
        !worker.busy() &&
        worker.room() > 0 &&
        worker.takes(job.record.scene.sha256) &&
        isEligible(job.record.requirement, worker.capabilities) &&
        !this.#jobs.haveWorkFor(worker.capabilities),
    )
    if (idle.length === 0) return
    for (const task of await findStragglers(this.#engine, job.record)) {
      for (const [index, worker] of idle.entries()) {
        const free = worker.reserve()
        const given = await giveLease(this.#engine, {
          roster: this.#roster,
          worker,
          job: job.record,
          taskId: task.id,
          grant: grantSecondLease,
        }).finally(free)
        if (given !== 'given') continue
        idle.splice(index, 1)
        break
      }
      if (idle.length === 0) return
    }
  }
}

function turnOf(job: OpenJob) {
  return { id: job.record.id, priority: job.record.priority, running: job.running, createdAt: job.record.createdAt }
}
