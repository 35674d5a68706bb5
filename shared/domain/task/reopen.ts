import type { TaskRecord } from '../../protocol/task.ts'
import type { Change } from '../decision.ts'
import { queueing } from '../scheduling/task-fit.ts'
import { resultOf } from './attempts.ts'
import { newAudit } from './hand-in.ts'
import { act } from '../lifecycle/task.ts'

/**
 * Attempts of a task that stay as its history when it gets new tries: with them and all new ones (ATTEMPTS_MAX) it
 * still fits its record.
 */
export const HISTORY_KEPT = 16

/**
 * A task that failed, or was canceled with its job, is to be done after all, with as many tries as a new one and by
 * whoever is there. One whose result is in the store and was only waiting to be checked, or was disputed, is checked
 * anew and not rendered again; audits of an earlier time do not count any more.
 */
export function reopenTask(task: TaskRecord): Pick<Change, 'tasks' | 'effects'> {
  if (task.state !== 'failed' && task.state !== 'canceled') return {}
  const { note: _why, ...rest } = task
  const fresh: TaskRecord = {
    ...rest,
    attempts: task.attempts.slice(-HISTORY_KEPT),
    triesFrom: task.epoch,
    ...(task.auditRounds === undefined ? {} : { auditsFrom: task.auditRounds }),
    avoid: [],
  }
  const result = resultOf(task)
  if (result !== undefined) {
    const round = (task.auditRounds ?? 0) + 1
    return {
      tasks: [act(fresh, 'check_again', { auditRounds: round }), newAudit(task, round, { avoid: [result.workerId] })],
    }
  }
  const queued = act(fresh, 'reopen')
  return { tasks: [queued], effects: queueing([queued]) }
}
