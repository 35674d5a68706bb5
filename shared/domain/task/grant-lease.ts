import { type Refusal, refuse } from '../../protocol/errors.ts'
import type { WorkerId } from '../../protocol/ids.ts'
import type { JobRecord } from '../../protocol/job.ts'
import { LIMITS } from '../../protocol/limits.ts'
import type { TaskRecord } from '../../protocol/task.ts'
import type { Decision } from '../decision.ts'
import { mayHave } from '../scheduling/task-fit.ts'
import { currentAttempts, liveAttempts, triesUsed } from './attempts.ts'
import { act } from '../lifecycle/task.ts'
import { isDue } from './retry.ts'

/**
 * Most attempts of one task that are kept and allowed, free ones included: a farm that fails for ever must stop too.
 */
export const ATTEMPTS_MAX = 48

/** Who would have a task, and who else is there. */
export interface Taker {
  readonly workerId: WorkerId
  /** Other connected workers that are eligible for the job. */
  readonly others: readonly WorkerId[]
  /** Connected machines of the operator's own that are eligible for the job. */
  readonly anchors?: readonly WorkerId[]
  /** Connected workers, itself counted in, that have no more memory than the task needs. */
  readonly tooSmall?: readonly WorkerId[]
  /** Connected workers that may not look at the scene, because another's Blender is nearer to it. */
  readonly farther?: readonly WorkerId[]
  readonly now: number
}

/** A worker gets the right to try. Refused with `conflict` when it may not, or not yet. */
export function grantLease(
  job: JobRecord,
  task: TaskRecord,
  { workerId, others, anchors = [], tooSmall = [], farther = [], now }: Taker,
): Decision {
  const refusal = refuseUnlessRunning(job, task)
  if (refusal !== undefined) return refusal
  if (task.state !== 'queued') return refuse('conflict', `task ${task.id} is ${task.state}`)
  if (!isDue(task, now)) return refuse('conflict', `task ${task.id} is paused after failures and not to be tried yet`)
  if (farther.includes(workerId) || !mayHave(task, workerId, others, anchors, tooSmall))
    return refuse('conflict', `worker ${workerId} may not have task ${task.id}`)
  return { ok: true, tasks: [act(withNewAttempt(job, task, workerId, now), 'lease')] }
}

/**
 * A second worker gets the right to try what one is slow with; each has an epoch of its own. Refused with `conflict`
 * when it may not, when two are at it already, or when both could not fail within the tries that are left.
 */
export function grantSecondLease(
  job: JobRecord,
  task: TaskRecord,
  { workerId, others, anchors = [], tooSmall = [], farther = [], now }: Taker,
): Decision {
  const refusal = refuseUnlessRunning(job, task)
  if (refusal !== undefined) return refusal
  if (job.cap !== undefined) return refuse('conflict', `job ${job.id} has a cap: it gets no second attempts`)
  const live = liveAttempts(task)
  if (task.state !== 'leased' || live.length !== 1)
    return refuse('conflict', `task ${task.id} is ${task.state} with ${live.length} attempt(s) under way`)
  if (triesUsed(task) + 2 > LIMITS.triesPerTaskMax || currentAttempts(task).length >= ATTEMPTS_MAX)
    return refuse('conflict', `task ${task.id} has too few tries left for a second attempt`)
  if (
    live[0]?.workerId === workerId ||
    task.avoid.includes(workerId) ||
    tooSmall.includes(workerId) ||
    farther.includes(workerId) ||
    !mayHave(task, workerId, others, anchors)
  )
    return refuse('conflict', `worker ${workerId} may not have task ${task.id}`)
  return {
    ok: true,
    tasks: [act(withNewAttempt(job, task, workerId, now), 'lease_second')],
    events: [
      {
        type: 'second_attempt',
        message: `slow with ${live[0]?.workerId}: another worker tries as well`,
        taskId: task.id,
        workerId,
      },
    ],
  }
}

/** The refusal of a job that gives no such task out at present. */
function refuseUnlessRunning(job: JobRecord, task: TaskRecord): Refusal | undefined {
  if (job.state !== (task.kind === 'inspect' ? 'inspecting' : 'active'))
    return refuse('conflict', `job ${job.id} is ${job.state}`)
  return job.pausedAt === undefined ? undefined : refuse('conflict', `job ${job.id} is paused`)
}

function withNewAttempt(job: JobRecord, task: TaskRecord, workerId: WorkerId, now: number): TaskRecord {
  // After a recovery nobody knows which epochs were given out last; those of the new time begin above all of them.
  const epoch = Math.max(task.epoch, job.epochsBefore ?? 0) + 1
  const { notBefore: _over, ...rest } = task
  return {
    ...rest,
    epoch,
    attempts: [...task.attempts, { epoch, workerId, outcome: 'running', startedAt: now, verdict: 'unverified' }],
  }
}
