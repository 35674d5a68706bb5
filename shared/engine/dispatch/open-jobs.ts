import { mayDispatch } from '../../domain/lifecycle/job.ts'
import { isEligible } from '../../domain/scheduling/eligibility.ts'
import type { JobId, WorkerId } from '../../protocol/ids.ts'
import type { JobRecord } from '../../protocol/job.ts'
import type { Capabilities } from '../../protocol/worker.ts'
import { RUNNING } from '../commit/commit.ts'
import type { Engine } from '../context.ts'
import { eachAtOnce } from '../each-at-once.ts'

/** What a dispatcher remembers of a job with waiting tasks. */
export interface OpenJob {
  readonly record: JobRecord
  /** With workers, as last counted; moved along with what this dispatcher itself leases. */
  running: number
  open: number
  picky: number
  /**
   * Under a cap: workers that found nothing for them since it was counted. Whoever looks keeps a place, which others
   * may need.
   */
  readonly passed: Set<WorkerId>
}

/** The jobs of which tasks may be given, with their counters as last read; `onRead` is called after each reading. */
export class OpenJobs {
  readonly #engine: Engine
  readonly #onRead: () => void
  readonly #jobs = new Map<JobId, OpenJob>()
  /** Jobs whose counters are being read, and who waits to read them once more. */
  readonly #refreshing = new Map<JobId, { done: Promise<void>; next: Promise<void> | null }>()

  constructor(engine: Engine, onRead: () => void) {
    this.#engine = engine
    this.#onRead = onRead
  }

  get(jobId: JobId): OpenJob | undefined {
    return this.#jobs.get(jobId)
  }

  all(): OpenJob[] {
    return [...this.#jobs.values()]
  }

  /** Those with tasks that wait for a worker, and room under their cap. */
  waiting(): OpenJob[] {
    return this.all().filter((job) => (job.open > 0 || job.picky > 0) && hasRoom(job))
  }

  /** Whether a worker with these capabilities could have a waiting task. */
  haveWorkFor(capabilities: Capabilities): boolean {
    return this.all().some((job) => job.open > 0 && isEligible(job.record.requirement, capabilities))
  }

  /** Reads the counters of all jobs that are open now, and lets go of what is not open any more. */
  async refreshAll(): Promise<void> {
    const known = [...this.#jobs.keys()] // before the others are read: what opens meanwhile is none of these
    const open = await this.#engine.store.openJobs()
    const still = new Set(open)
    for (const jobId of known) if (!still.has(jobId)) this.#forget(jobId)
    await eachAtOnce(open, (jobId) => this.tryRefresh(jobId))
  }

  /** Reads a job's counters anew. Many calls while one reads are one more. */
  refresh(jobId: JobId): Promise<void> {
    const running = this.#refreshing.get(jobId)
    if (running !== undefined) return (running.next ??= running.done.then(() => this.refresh(jobId)))
    const done = this.#read(jobId).finally(() => this.#refreshing.delete(jobId))
    this.#refreshing.set(jobId, { done: done.catch(() => undefined), next: null })
    return done
  }

  /** The same, where the next round will do if it fails. */
  tryRefresh(jobId: JobId): Promise<void> {
    return this.refresh(jobId).catch((error: unknown) =>
      this.#engine.log.warn({ jobId, error }, 'job not refreshed, the next round does it'),
    )
  }

  async #read(jobId: JobId): Promise<void> {
    const [job, counters] = await Promise.all([this.#engine.store.job(jobId), this.#engine.store.counters(jobId)])
    if (job === null || !mayDispatch(job.value)) return this.#forget(jobId)
    this.#jobs.set(jobId, {
      record: job.value,
      running: counters[RUNNING] ?? 0,
      open: counters['waiting.open'] ?? 0,
      picky: counters['waiting.picky'] ?? 0,
      passed: new Set(),
    })
    this.#onRead()
  }

  /** Lets go of all that is held for a job that needs no dispatch any more. */
  #forget(jobId: JobId): void {
    if (this.#jobs.delete(jobId))
      this.#engine.queue
        .letGoOfJob(jobId)
        .catch((error: unknown) => this.#engine.log.warn({ jobId, error }, 'the queue of the job was not let go of'))
  }
}

/** Under its cap, as far as is known here; the commit of a lease knows exactly. */
export function hasRoom(job: OpenJob): boolean {
  return job.record.cap === undefined || job.running < job.record.cap
}
