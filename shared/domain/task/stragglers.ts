import type { JobPlan } from '../../protocol/job.ts'
import type { TaskRecord } from '../../protocol/task.ts'
import { liveAttempts, resultOf } from './attempts.ts'
import { workOf } from './expected-files.ts'

/**
 * A task is a straggler when its only attempt has run this many times as long as tasks of its kind in that job take on
 * average. Half as long again is where other schedulers begin to doubt, too; a second attempt costs only a machine that
 * would idle.
 */
export const STRAGGLER_FACTOR = 1.5
/**
 * And at least this long, in ms: a cold worker fetches the scene and starts Blender before it renders, which takes some
 * seconds.
 */
export const STRAGGLER_AFTER_MS = 5_000

/**
 * What tasks of a job took so far, from the lease to the accepted result, by kind of work; worked out from the counters
 * of the job.
 */
export function meanMs(plan: JobPlan, counters: Readonly<Record<string, number>>, task: TaskRecord): number | null {
  const { tasks, ms } = paceNames(plan, task)
  const count = counters[tasks] ?? 0
  return count === 0 ? null : (counters[ms] ?? 0) / count
}

/**
 * What a task adds to the pace of its job, as counters: nothing before its own result counts. By the farm's clock, not
 * by what workers say.
 */
export function paceOf(plan: JobPlan, task: TaskRecord): Record<string, number> {
  const result = task.state === 'completed' ? resultOf(task) : undefined
  if (result?.endedAt === undefined) return {}
  const { tasks, ms } = paceNames(plan, task)
  return { [tasks]: 1, [ms]: Math.max(0, result.endedAt - result.startedAt) }
}

/** True when an idle worker should try the task as well. */
export function isStraggler(task: TaskRecord, mean: number | null, now: number): boolean {
  const [only, second] = liveAttempts(task)
  if (task.state !== 'leased' || only === undefined || second !== undefined || mean === null) return false
  return now - only.startedAt > Math.max(STRAGGLER_AFTER_MS, mean * STRAGGLER_FACTOR)
}

function paceNames(plan: JobPlan, task: TaskRecord): { tasks: string; ms: string } {
  const work = workOf(plan, task)
  return { tasks: `pace.${work}.tasks`, ms: `pace.${work}.ms` }
}
