import type { JobRecord, JobState } from '../../protocol/job.ts'
import { taskNumbers } from '../splitting/asked-frames.ts'

export const JOB_TRANSITIONS = {
  plan: { from: ['inspecting'], to: 'planning' },
  activate: { from: ['planning'], to: 'active' },
  encode: { from: ['active'], to: 'encoding' },
  complete: { from: ['encoding'], to: 'completed' },
  fail: { from: ['inspecting', 'planning', 'active', 'encoding'], to: 'failed' },
  cancel: { from: ['inspecting', 'planning', 'active', 'encoding'], to: 'canceled' },
  /** Tried again: it goes on where it was. */
  inspect_again: { from: ['failed', 'canceled'], to: 'inspecting' },
  plan_again: { from: ['failed', 'canceled'], to: 'planning' },
  work_again: { from: ['failed', 'canceled'], to: 'active' },
  delete: { from: ['completed', 'failed', 'canceled', 'deleting'], to: 'deleting' },
} as const satisfies Record<string, { from: readonly JobState[]; to: JobState }>

export type JobAct = keyof typeof JOB_TRANSITIONS

export function mayJob(state: JobState, act: JobAct): boolean {
  const allowed: readonly JobState[] = JOB_TRANSITIONS[act].from
  return allowed.includes(state)
}

/**
 * The job after the act; an act that the table does not allow is a bug of ours and throws. One that has nothing left to
 * hand out is not paused any more.
 */
export function actOnJob(job: JobRecord, name: JobAct, change: Partial<JobRecord> = {}): JobRecord {
  if (!mayJob(job.state, name)) throw new Error(`job ${job.id} is ${job.state}: it cannot ${name}`)
  const after: JobRecord = { ...job, ...change, state: JOB_TRANSITIONS[name].to }
  return hasTasksToGive(after.state) ? after : unpaused(after)
}

export function unpaused({ pausedAt: _over, ...job }: JobRecord): JobRecord {
  return job
}

/** Its tasks may go to workers: those that render once it is active, the inspection before that. */
export function mayDispatch({ state, pausedAt }: Pick<JobRecord, 'state' | 'pausedAt'>): boolean {
  return pausedAt === undefined && (state === 'active' || state === 'inspecting')
}

/** It has tasks to hand out, or will have. */
export function hasTasksToGive(state: JobState): boolean {
  return state === 'inspecting' || state === 'planning' || state === 'active'
}

export function jobIsOver(state: JobState): boolean {
  return state === 'completed' || state === 'failed' || state === 'canceled' || state === 'deleting'
}

/** Its tasks are being written down, or gone over again. */
export function isBeingPlanned({
  state,
  tasksPlanned,
  plan,
}: Pick<JobRecord, 'state' | 'tasksPlanned' | 'plan'>): boolean {
  return state === 'planning' || (state === 'active' && tasksPlanned < taskNumbers(plan))
}

/**
 * What workers sent, and what was made of it, stays in the object store when it is over: with it the job can be tried
 * again without rendering anew what is done. It goes with the job when that is deleted.
 */
export function keepsFiles(state: JobState): boolean {
  return state === 'failed' || state === 'canceled'
}
