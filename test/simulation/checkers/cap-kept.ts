import { isHeld } from '../../../shared/domain/lifecycle/task.ts'
import type { Checker } from '../checker.ts'

/**
 * No lease goes beyond the cap of its job; leases from before a cap was lowered may. Counted here anew, task by task.
 */
export function capKept(): Checker {
  const held = new Map<string, Set<string>>()
  return {
    name: 'cap-kept',
    /** Whoever held something then holds nothing after a recovery. */
    async lost() {
      held.clear()
    },
    committed({ jobId, job, tasks, commit }, report) {
      const own = held.get(jobId) ?? new Set()
      held.set(jobId, own)
      let leased = false
      for (const { before, after } of tasks) {
        leased ||= commit.recovered !== true && after.epoch > (before?.epoch ?? 0)
        if (isHeld(after.state)) own.add(after.id)
        else own.delete(after.id)
      }
      if (leased && job.cap !== undefined && own.size > job.cap)
        report(`${jobId} has ${own.size} tasks with workers, ${job.cap} are allowed`)
    },
  }
}
