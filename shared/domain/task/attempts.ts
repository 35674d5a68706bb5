import { refuse, type Refusal } from '../../protocol/errors.ts'
import { FAILURES } from '../../protocol/failure.ts'
import type { WorkerId } from '../../protocol/ids.ts'
import type { Attempt, TaskRecord } from '../../protocol/task.ts'

export function attemptOf(task: TaskRecord, epoch: number): Attempt | undefined {
  return task.attempts.find((attempt) => attempt.epoch === epoch)
}

export function withAttempt(task: TaskRecord, epoch: number, change: Partial<Attempt>): TaskRecord {
  return { ...task, attempts: task.attempts.map((attempt) => (attempt.epoch === epoch ? { ...attempt, ...change } : attempt)) }
}

/** Refused with `lease_unknown` when the worker never had this attempt, `lease_stale` when it is no longer the current one. */
export function checkHolder(task: TaskRecord, workerId: WorkerId, epoch: number): { ok: true; attempt: Attempt } | Refusal {
  const attempt = attemptOf(task, epoch)
  if (attempt === undefined || attempt.workerId !== workerId) return refuse('lease_unknown', `task ${task.id}, epoch ${epoch} was never leased to this worker`)
  if (task.epoch !== epoch || attempt.outcome !== 'running') return refuse('lease_stale', `task ${task.id}: the lease of epoch ${epoch} is over (${attempt.outcome}); the task is ${task.state} at epoch ${task.epoch}`)
  return { ok: true, attempt }
}

/** Tries that count against the limit: those that ended by the farm's own fault or were given back are free. */
export function triesUsed(task: TaskRecord): number {
  return task.attempts.filter((attempt) => attempt.outcome === 'expired' || attempt.outcome === 'rejected' || (attempt.outcome === 'failed' && blameOf(attempt) !== 'farm')).length
}

export function sceneFaults(task: TaskRecord): number {
  return task.attempts.filter((attempt) => attempt.outcome === 'failed' && blameOf(attempt) === 'scene').length
}

export function blameOf(attempt: Attempt): 'worker' | 'scene' | 'farm' {
  return attempt.failure === undefined ? 'worker' : FAILURES[attempt.failure.code]
}
