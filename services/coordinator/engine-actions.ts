import { cancelJob, deleteJob, viewJob, viewOf } from '../../shared/engine/jobs/job-actions.ts'
import { changeJob, pauseJob, resumeJob, retryJob } from '../../shared/engine/jobs/job-changes.ts'
import { planRequest } from '../../shared/engine/jobs/plan-view.ts'
import { submitJob } from '../../shared/engine/jobs/submit-job.ts'
import type { Engine } from '../../shared/engine/context.ts'
import type { JobId } from '../../shared/protocol/ids.ts'
import type { FarmActions } from './farm-actions.ts'

/** What the routes ask, done by the engine. `plan` lets the tasks of a new job be written down in the background. */
export function farmActions(engine: Engine, plan: (jobId: JobId) => void): FarmActions {
  return {
    async submitJob(owner, request, id) {
      const submitted = await submitJob(engine, owner.name, request, id)
      if (!submitted.ok) return submitted
      plan(submitted.job.id)
      return { ok: true, job: await viewOf(engine, submitted.job) }
    },
    planJob: (owner, request) => planRequest(engine, owner.scopes.includes('admin') ? null : owner.name, request),
    viewJob: (jobId) => viewJob(engine, jobId),
    viewOf: (record) => viewOf(engine, record),
    cancelJob: (jobId, why) => cancelJob(engine, jobId, why),
    pauseJob: (jobId, request, who) => pauseJob(engine, jobId, request, who),
    resumeJob: (jobId, who) => resumeJob(engine, jobId, who),
    async retryJob(jobId, who) {
      const retried = await retryJob(engine, jobId, who)
      if (retried.ok) plan(jobId)
      return retried
    },
    async changeJob(jobId, change, who) {
      const changed = await changeJob(engine, jobId, change, who)
      if (changed.ok && change.frames !== undefined) plan(jobId)
      return changed
    },
    deleteJob: (jobId) => deleteJob(engine, jobId),
  }
}
