import { refuse, type Refusal } from '../../protocol/errors.ts'
import { FAILURES } from '../../protocol/failure.ts'
import { auditTaskId, type TaskId, type WorkerId } from '../../protocol/ids.ts'
import type { Attempt, TaskRecord } from '../../protocol/task.ts'
import type { Effect } from '../effect.ts'

export function attemptOf(task: TaskRecord, epoch: number): Attempt | undefined {
  return task.attempts.find((attempt) => attempt.epoch === epoch)
}

export function withAttempt(task: TaskRecord, epoch: number, change: Partial<Attempt>): TaskRecord {
  return {
    ...task,
    attempts: task.attempts.map((attempt) => (attempt.epoch === epoch ? { ...attempt, ...change } : attempt)),
  }
}

/** Attempts under way: one while the task is held, two while a straggler has a second one. */
export function liveAttempts(task: TaskRecord): Attempt[] {
  return task.attempts.filter(({ outcome }) => outcome === 'running')
}

/** The attempt whose result the task has or is being sent; undefined before anybody has committed to one. */
export function resultOf(task: TaskRecord): Attempt | undefined {
  return (
    task.attempts.findLast(({ outcome }) => outcome === 'rendered') ??
    (task.state === 'delivering' ? liveAttempts(task)[0] : undefined)
  )
}

/** The epoch of the result, to name it by; that of the newest lease where there is none. */
export function resultEpoch(task: TaskRecord): number {
  return resultOf(task)?.epoch ?? task.epoch
}

/** Takes back every attempt that is under way, except that of the epoch `but`. The task's state is left as it is. */
export function withdraw(
  task: TaskRecord,
  outcome: 'canceled' | 'overtaken',
  reason: string,
  now: number,
  but?: number,
): { task: TaskRecord; effects: Effect[] } {
  const ended = liveAttempts(task).filter(({ epoch }) => epoch !== but)
  return {
    task: ended.reduce((rest, { epoch }) => withAttempt(rest, epoch, { outcome, endedAt: now }), task),
    effects: ended.map(({ epoch, workerId }) => ({ type: 'cancel_lease', workerId, taskId: task.id, epoch, reason })),
  }
}

/** Refused with `lease_unknown` when the worker never had this attempt, `lease_stale` when it is over. */
export function checkHolder(
  task: TaskRecord,
  workerId: WorkerId,
  epoch: number,
): { ok: true; attempt: Attempt } | Refusal {
  const attempt = attemptOf(task, epoch)
  if (attempt === undefined || attempt.workerId !== workerId)
    return refuse('lease_unknown', `task ${task.id}, epoch ${epoch} was never leased to this worker`)
  if (attempt.outcome !== 'running')
    return refuse(
      'lease_stale',
      `task ${task.id}: the lease of epoch ${epoch} is over (${attempt.outcome}); ` +
        `the task is ${task.state} at epoch ${task.epoch}`,
    )
  return { ok: true, attempt }
}

/** The attempts of the time that counts: since the task was reopened, or all. */
export function currentAttempts(task: TaskRecord): Attempt[] {
  return task.attempts.filter(({ epoch }) => epoch > (task.triesFrom ?? 0))
}

/** The audits of the time that counts, the oldest first. */
export function auditIds(task: TaskRecord): TaskId[] {
  const from = task.auditsFrom ?? 0
  return Array.from({ length: (task.auditRounds ?? 0) - from }, (_, round) => auditTaskId(task.id, from + round + 1))
}

/** Tries that count against the limit: those that ended by the farm's own fault or were given back are free. */
export function triesUsed(task: TaskRecord): number {
  const counts = ({ outcome }: Attempt) => outcome === 'expired' || outcome === 'rejected' || outcome === 'failed'
  return currentAttempts(task).filter((attempt) => counts(attempt) && blameOf(attempt) !== 'farm').length
}

/** Results that the farm does not read: files of a kind that it does not know. */
export function unreadResults(task: TaskRecord): number {
  return currentAttempts(task).filter((attempt) => attempt.outcome === 'rejected' && blameOf(attempt) === 'farm').length
}

export function sceneFaults(task: TaskRecord): number {
  return currentAttempts(task).filter((attempt) => attempt.outcome === 'failed' && blameOf(attempt) === 'scene').length
}

export function blameOf(attempt: Attempt): 'worker' | 'scene' | 'farm' {
  return attempt.failure === undefined ? 'worker' : FAILURES[attempt.failure.code]
}
