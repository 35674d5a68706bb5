import { AUDIT_ROUNDS_MAX } from '../../../shared/domain/task/conclude-audit.ts'
import { ATTEMPTS_MAX } from '../../../shared/domain/task/grant-lease.ts'
import { FAILURES } from '../../../shared/protocol/failure.ts'
import { LIMITS } from '../../../shared/protocol/limits.ts'
import { TaskRecord } from '../../../shared/protocol/task.ts'
import type { Checker } from '../checker.ts'

/**
 * Nobody tries for ever, and nobody gives up early: a job stops over a task only when that was tried as often as is
 * allowed.
 */
export function attemptsBounded(): Checker {
  return {
    name: 'attempts-bounded',
    committed({ jobId, before, job, tasks }, report) {
      for (const { after } of tasks) {
        if (triesUsed(after) > LIMITS.triesPerTaskMax)
          report(`${jobId} ${after.id} was tried ${triesUsed(after)} times, ${LIMITS.triesPerTaskMax} are allowed`)
        if (current(after).length > ATTEMPTS_MAX)
          report(`${jobId} ${after.id} has ${current(after).length} attempts, ${ATTEMPTS_MAX} are allowed`)
        // A round may ask every side of a dispute once more.
        if ((after.auditRounds ?? 0) - (after.auditsFrom ?? 0) > 2 * AUDIT_ROUNDS_MAX)
          report(`${jobId} ${after.id} was audited ${after.auditRounds} times`)
        const stored = TaskRecord.safeParse(after)
        if (!stored.success) report(`${jobId} ${after.id} cannot be stored: ${stored.error.message}`)
      }
      if (job.state !== 'failed' || before?.state === 'failed') return
      const exhausted = tasks.some(
        ({ after }) => triesUsed(after) >= LIMITS.triesPerTaskMax || current(after).length >= ATTEMPTS_MAX,
      )
      const poisoned = tasks.some(
        ({ after }) => current(after).filter(({ failure }) => failure !== undefined).length >= LIMITS.sceneFaultsMax,
      )
      if (job.failure?.code === 'tries_exhausted' && !exhausted)
        report(`${jobId} gives up early: ${job.failure.message}`)
      if (job.failure?.code === 'poison_scene' && !poisoned)
        report(`${jobId} calls its scene poison early: ${job.failure.message}`)
    },
  }
}

/** Counted here anew, so that the rule and its check cannot be wrong together. */
function triesUsed(task: TaskRecord): number {
  return current(task).filter(
    ({ outcome, failure }) =>
      outcome === 'expired' ||
      outcome === 'rejected' ||
      (outcome === 'failed' && (failure === undefined || FAILURES[failure.code] !== 'farm')),
  ).length
}

/** Without those of the time before it was reopened. */
function current(task: TaskRecord): TaskRecord['attempts'] {
  return task.attempts.filter(({ epoch }) => epoch > (task.triesFrom ?? 0))
}
