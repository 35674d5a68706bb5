import type { WorkerId } from '../../protocol/ids.ts'
import type { TaskRecord } from '../../protocol/task.ts'

/** True when not every worker may have the task, so that it must be chosen by looking and not taken in turn. */
export function isPicky(task: TaskRecord): boolean {
  return task.avoid.length > 0 || task.only !== undefined
}

/**
 * Whether a worker may have a queued task. `others` are the other connected workers that are eligible for its job.
 * An audit never goes to whoever rendered what it checks. A worker that failed a task gets it again only when
 * everybody else here failed it too: one machine must be able to try twice.
 */
export function mayHave(task: TaskRecord, workerId: WorkerId, others: readonly WorkerId[]): boolean {
  if (task.only !== undefined) return task.only === workerId
  if (!task.avoid.includes(workerId)) return true
  if (task.kind === 'audit') return false
  return others.every((other) => task.avoid.includes(other))
}
