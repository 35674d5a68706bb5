import type { WorkerId } from '../../protocol/ids.ts'
import type { TaskRecord } from '../../protocol/task.ts'
import type { Effect } from '../effect.ts'

/** True when not every worker may have the task, so that it must be chosen by looking and not taken in turn. */
export function isPicky(task: TaskRecord): boolean {
  return (
    task.avoid.length > 0 ||
    task.only !== undefined ||
    task.kind === 'finish' ||
    task.kind === 'inspect' ||
    task.notBefore !== undefined ||
    task.outgrew !== undefined
  )
}

/** What puts queued tasks into the queue of their job; the picky ones among them are found without it. */
export function queueing(tasks: readonly TaskRecord[]): Effect[] {
  const open = tasks.filter((task) => !isPicky(task)).map((task) => ({ taskId: task.id, epoch: task.epoch }))
  return open.length === 0 ? [] : [{ type: 'queue_tasks', tasks: open }]
}

/**
 * Whether a worker may have a queued task. `others` are the other connected workers that are eligible for its job.
 * An audit never goes to whoever rendered what it checks. A worker that failed a task gets it again only when
 * everybody else here failed it too: one machine must be able to try twice, an audit as well. What ran out of memory
 * goes to a machine with more (not one of `tooSmall`) while one is there that has not failed it. A task for one worker
 * only waits for nobody else while that worker is connected and has the memory, and goes to somebody new when not. A
 * finish decides over whole images, so it goes to an anchor (`anchors`: those connected and eligible) while one is
 * there that can and has not failed it. Where somebody is there that may see it at all, somebody may have it.
 */
export function mayHave(
  task: TaskRecord,
  workerId: WorkerId,
  others: readonly WorkerId[],
  anchors: readonly WorkerId[] = [],
  tooSmall: readonly WorkerId[] = [],
): boolean {
  const failedBy = (worker: WorkerId) => task.avoid.includes(worker)
  const hasLarger = [workerId, ...others].some((worker) => !tooSmall.includes(worker) && !failedBy(worker))
  const isTooSmall = (worker: WorkerId) => hasLarger && tooSmall.includes(worker)
  if (isTooSmall(workerId)) return false
  if (
    task.kind === 'finish' &&
    !anchors.includes(workerId) &&
    anchors.some((anchor) => !failedBy(anchor) && !isTooSmall(anchor))
  )
    return false
  if (task.only === workerId) return true
  if (task.only !== undefined && others.includes(task.only) && !isTooSmall(task.only)) return false
  if (!failedBy(workerId)) return true
  // Whoever must not see an audit never had an attempt at it; whoever had one only failed.
  if (task.kind === 'audit' && !task.attempts.some((attempt) => attempt.workerId === workerId)) return false
  return others.every(failedBy)
}
