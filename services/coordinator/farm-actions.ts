import type { Refusal } from '../../shared/protocol/errors.ts'
import type { JobId } from '../../shared/protocol/ids.ts'
import type { JobChange, JobRecord, JobRequest, JobView, PauseRequest } from '../../shared/protocol/job.ts'
import type { PlanView } from '../../shared/protocol/plan.ts'

export const SCOPES = ['user', 'worker', 'admin'] as const
export type Scope = (typeof SCOPES)[number]

/** Whom a token belongs to. A name may have several tokens; what belongs to the name belongs to all of them. */
export interface Owner {
  readonly name: string
  readonly scopes: readonly string[]
}

/** What the routes need of the engine. A refusal is a value; an outage of the farm state or the object store throws. */
export interface FarmActions {
  /** With an id, the job of that id if there is one already: a request that was sent again. */
  submitJob(owner: Owner, request: JobRequest, id?: JobId): Promise<{ ok: true; job: JobView } | Refusal>
  /** What a job of this request would be; writes nothing. */
  planJob(owner: Owner, request: JobRequest): Promise<{ ok: true; plan: PlanView } | Refusal>
  /** The job with its counts, progress and reasons for waiting worked out; null when there is none. */
  viewJob(jobId: JobId): Promise<JobView | null>
  viewOf(record: JobRecord): Promise<JobView>
  cancelJob(jobId: JobId, why: string): Promise<{ ok: true; job: JobView } | Refusal>
  pauseJob(jobId: JobId, request: PauseRequest, who: string): Promise<{ ok: true; job: JobView } | Refusal>
  resumeJob(jobId: JobId, who: string): Promise<{ ok: true; job: JobView } | Refusal>
  retryJob(jobId: JobId, who: string): Promise<{ ok: true; job: JobView } | Refusal>
  changeJob(jobId: JobId, change: JobChange, who: string): Promise<{ ok: true; job: JobView } | Refusal>
  /** Erases every key and byte of a job, by and by; one that runs is canceled first. */
  deleteJob(jobId: JobId): Promise<{ ok: true } | Refusal>
}
