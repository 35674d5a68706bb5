import { refuse, type Refusal } from '../../protocol/errors.ts'
import { type JobChange, JobRecord } from '../../protocol/job.ts'
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

type Changeable = keyof Omit<JobChange, 'frames'>

/** What an event says of each option that may change. */
const WORDS: { readonly [Option in Changeable]-?: (job: JobRecord) => string } = {
  name: ({ name }) => `name "${name}"`,
  priority: ({ priority }) => `priority ${priority}`,
  cap: ({ cap }) => (cap === undefined ? 'no cap' : `a cap of ${cap} task(s) at a time`),
}

/**
 * The job with what was asked for; what it is already changes nothing. Refused with `conflict` when the job is over.
 */
export function changeJob(job: JobRecord, { frames, ...replaced }: JobChange, who: string): Decision {
  const over = refuseOver(job)
  if (over !== null) return over
  const reframed = frames === undefined ? { ok: true as const, job } : withFrames(job, frames)
  if (!reframed.ok) return reframed
  const after = withReplaced(reframed.job, replaced)
  const told = [
    ...(reframed.job === job
      ? []
      : [
          `frames ${reframed.job.plan.frames} instead of ${job.plan.frames}; what is delivered of ` +
            'frames that were taken out is kept for when they are asked for again',
        ]),
    ...Object.values(WORDS).flatMap((words) =>
      words(after) === words(job) ? [] : [`${words(after)} instead of ${words(job)}`],
    ),
  ]
  if (told.length === 0) return { ok: true }
  return {
    ok: true,
    job: after,
    effects: [{ type: 'announce_work' }],
    events: [{ type: 'job_changed', message: `changed by ${who}: ${told.join('; ')}` }],
  }
}

/** The record with what a change names; null takes an option away. */
function withReplaced(job: JobRecord, replaced: Pick<JobChange, Changeable>): JobRecord {
  const named = Object.entries(replaced).filter(([, value]) => value !== undefined)
  const kept = Object.entries({ ...job, ...Object.fromEntries(named) }).filter(([, value]) => value !== null)
  return JobRecord.parse(Object.fromEntries(kept))
}

function refuseOver(job: JobRecord): Refusal | null {
  return jobIsOver(job.state) ? refuse('conflict', `job ${job.id} is ${job.state}: it can no longer be changed`) : null
}
