import { cancelJob, deleteJob, viewJob, viewOf } from '../../shared/engine/jobs/job-actions.ts'
import { changeJob, pauseJob, resumeJob, retryJob } from '../../shared/engine/jobs/job-changes.ts'
import { planRequest } from '../../shared/engine/jobs/plan-view.ts'
import { submitJob } from '../../shared/engine/jobs/submit-job.ts'
import type { Engine } from '../../shared/engine/context.ts'
import type { Refusal } from '../../shared/protocol/errors.ts'
import type { JobId } from '../../shared/protocol/ids.ts'
import type { JobChange, JobRecord, JobRequest, JobView, PauseRequest } from '../../shared/protocol/job.ts'
import { isAdmin, type Owner } from '../wiring/tokens.ts'

/** What the routes need of the engine. A refusal is a value; an outage of the farm state or the object store throws. */
export type FarmActions = ReturnType<typeof farmActions>

/**
 * The engine as the routes see it. `plan` lets the tasks of a job be written down in the background: it is told of
 * every job that has new ones, so that no route need think of it.
 */
export function farmActions(engine: Engine, plan: (jobId: JobId) => void) {
  return {
    /** With an id, the job of that id if there is one already: a request that was sent again. */
    async submitJob(owner: Owner, request: JobRequest, id?: JobId): Promise<{ ok: true; job: JobView } | Refusal> {
      const submitted = await submitJob(engine, owner.name, request, id)
      if (!submitted.ok) return submitted
      plan(submitted.job.id)
      return { ok: true, job: await viewOf(engine, submitted.job) }
    },
    /** What a job of this request would be; writes nothing. */
    planJob: (owner: Owner, request: JobRequest) => planRequest(engine, isAdmin(owner) ? null : owner.name, request),
    /** The job with its counts, progress and reasons for waiting worked out; null when there is none. */
    viewJob: (jobId: JobId) => viewJob(engine, jobId),
    viewOf: (record: JobRecord) => viewOf(engine, record),
    cancelJob: (jobId: JobId, why: string) => cancelJob(engine, jobId, why),
    pauseJob: (jobId: JobId, request: PauseRequest, who: string) => pauseJob(engine, jobId, request, who),
    resumeJob: (jobId: JobId, who: string) => resumeJob(engine, jobId, who),
    async retryJob(jobId: JobId, who: string) {
      const retried = await retryJob(engine, jobId, who)
      if (retried.ok) plan(jobId)
      return retried
    },
    async changeJob(jobId: JobId, change: JobChange, who: string) {
      const changed = await changeJob(engine, jobId, change, who)
      if (changed.ok && change.frames !== undefined) plan(jobId)
      return changed
    },
    /** Erases every key and byte of a job, by and by; one that runs is canceled first. */
    deleteJob: (jobId: JobId) => deleteJob(engine, jobId),
  }
}
