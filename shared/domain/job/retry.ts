import { refuse } from '../../protocol/errors.ts'
import type { JobRecord } from '../../protocol/job.ts'
import { LIMITS } from '../../protocol/limits.ts'
import type { TaskRecord } from '../../protocol/task.ts'
import type { Decision, NewEvent } from '../decision.ts'
import { actOnJob, jobIsOver, mayJob } from '../lifecycle/job.ts'
import { reopenTask } from '../task/reopen.ts'

/**
 * A job that failed or was canceled goes on where it was: what is done stays done, what failed has its tries back. Its
 * tasks are gone over again as when they were planned (engine/jobs/plan-tasks.ts). `inspection`: its task that looks at
 * the scene, if it has one. Refused with `conflict` when there is nothing to go on with.
 */
export function retryJob(job: JobRecord, inspection: TaskRecord | undefined, who: string): Decision {
  if (!jobIsOver(job.state)) return { ok: true }
  if (!mayJob(job.state, 'work_again'))
    return refuse('conflict', `job ${job.id} is ${job.state}: there is nothing to retry`)
  const revision = (job.revision ?? 0) + 1
  if (revision > LIMITS.revisionsPerJobMax)
    return refuse(
      'conflict',
      `job ${job.id} was retried ${LIMITS.revisionsPerJobMax} times, the most allowed; submit it as a new job`,
    )
  if (job.failure !== undefined && job.startedAt === undefined && inspection?.state === 'completed') {
    return refuse(
      'conflict',
      `job ${job.id}: Blender found a problem in the scene (${job.failure.code}), so a retry would fail too; ` +
        'trying again changes nothing. Mend the scene, or submit it in another way',
    )
  }
  const { failure, endedAt: _over, ...rest } = job
  const fresh: JobRecord = { ...rest, revision, tasksPlanned: 0 }
  const events: NewEvent[] = [
    {
      type: 'job_retried',
      message: `tried again by ${who}; it was ${job.state}${failure === undefined ? '' : `: ${failure.code}`}`,
    },
  ]
  if (inspection !== undefined && inspection.state !== 'completed') {
    // Written even if it stays as it is: were it canceled with the job meanwhile, the commit fails and this is decided
    // again.
    const reopened = reopenTask(inspection)
    return {
      ok: true,
      job: actOnJob(fresh, 'inspect_again'),
      tasks: reopened.tasks ?? [inspection],
      effects: [...(reopened.effects ?? []), { type: 'announce_work' }],
      events,
    }
  }
  return { ok: true, job: actOnJob(fresh, job.startedAt === undefined ? 'plan_again' : 'work_again'), events }
}
