import { refuse, type Refusal } from '../../protocol/errors.ts'
import type { JobChange, JobRecord } from '../../protocol/job.ts'
import type { TaskRecord } from '../../protocol/task.ts'
import type { Change, Decision } from '../decision.ts'
import { withFrames } from './change-frames.ts'
import { hasTasksToGive, jobIsOver, unpaused } from '../lifecycle/job.ts'
import { queueing } from '../scheduling/task-fit.ts'
import { currentAttempts, withdraw } from '../task/attempts.ts'
import { act } from '../lifecycle/task.ts'

/**
 * Attempts of a task up to which a pause may take it back: what is taken back counts against nobody, so something must
 * bound it.
 */
const TAKEN_BACK_UP_TO = 32

/** Nothing more of the job is handed out. Refused with `conflict` when there is nothing left to hand out. */
export function pauseJob(job: JobRecord, who: string, now: number): Decision {
  if (!hasTasksToGive(job.state))
    return refuse(
      'conflict',
      `job ${job.id} is ${job.state}: it has no tasks left to start, so there is nothing to pause`,
    )
  if (job.pausedAt !== undefined) return { ok: true }
  return { ok: true, job: { ...job, pausedAt: now }, events: [{ type: 'job_paused', message: `paused by ${who}` }] }
}

/** Everything is as it was before the pause. Refused with `conflict` when the job is over. */
export function resumeJob(job: JobRecord, who: string): Decision {
  if (jobIsOver(job.state)) return refuse('conflict', `job ${job.id} is ${job.state}: it cannot be resumed`)
  if (job.pausedAt === undefined) return { ok: true }
  return {
    ok: true,
    job: unpaused(job),
    effects: [{ type: 'announce_work' }],
    events: [{ type: 'job_resumed', message: `resumed by ${who}` }],
  }
}

/** A task that a worker still renders is queued again, and nobody is to blame; a result that is on its way comes in. */
export function takeBackRendering(task: TaskRecord, now: number, reason: string): Change {
  if (task.state !== 'leased' || currentAttempts(task).length > TAKEN_BACK_UP_TO) return { ok: true }
  const left = withdraw(task, 'canceled', reason, now)
  const queued = act(left.task, 'requeue')
  return {
    ok: true,
    tasks: [queued],
    effects: [...left.effects, ...queueing([queued])],
  }
}

/**
 * The job with what was asked for; what it is already changes nothing. Refused with `conflict` when the job is over.
 */
export function changeJob(job: JobRecord, { name, priority, cap, frames }: JobChange, who: string): Decision {
  const over = refuseOver(job)
  if (over !== null) return over
  const reframed = frames === undefined ? { ok: true as const, job } : withFrames(job, frames)
  if (!reframed.ok) return reframed
  const { cap: capBefore, ...rest } = reframed.job
  const capAfter = cap === undefined ? capBefore : (cap ?? undefined)
  const told = [
    ...(name === undefined || name === job.name ? [] : [`name "${name}" instead of "${job.name}"`]),
    ...(priority === undefined || priority === job.priority ? [] : [`priority ${priority} instead of ${job.priority}`]),
    ...(reframed.job === job
      ? []
      : [
          `frames ${reframed.job.plan.frames} instead of ${job.plan.frames}; what is delivered of ` +
            'frames that were taken out is kept for when they are asked for again',
        ]),
    ...(capAfter === capBefore ? [] : [`${capText(capAfter)} instead of ${capText(capBefore)}`]),
  ]
  if (told.length === 0) return { ok: true }
  const after: JobRecord = {
    ...rest,
    name: name ?? job.name,
    priority: priority ?? job.priority,
    ...(capAfter === undefined ? {} : { cap: capAfter }),
  }
  return {
    ok: true,
    job: after,
    effects: [{ type: 'announce_work' }],
    events: [{ type: 'job_changed', message: `changed by ${who}: ${told.join('; ')}` }],
  }
}

function refuseOver(job: JobRecord): Refusal | null {
  return jobIsOver(job.state) ? refuse('conflict', `job ${job.id} is ${job.state}: it can no longer be changed`) : null
}

function capText(cap: number | undefined): string {
  return cap === undefined ? 'no cap' : `a cap of ${cap} task(s) at a time`
}
