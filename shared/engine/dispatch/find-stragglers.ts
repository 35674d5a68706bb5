import { isStraggler, meanMs } from '../../domain/task/stragglers.ts'
import { liveAttempts } from '../../domain/task/attempts.ts'
import type { JobRecord } from '../../protocol/job.ts'
import type { TaskRecord } from '../../protocol/task.ts'
import type { Engine } from '../context.ts'

/** Leases looked at: near its end a job has few. */
const LOOK_AT_LEASES = 256

/** Tasks of a job that one worker has been at for too long, the longest first. */
export async function findStragglers(
  engine: Engine,
  { id: jobId, plan }: Pick<JobRecord, 'id' | 'plan'>,
): Promise<TaskRecord[]> {
  const [counters, leases] = await Promise.all([
    engine.store.counters(jobId),
    engine.store.expiredLeases(jobId, Number.MAX_SAFE_INTEGER, LOOK_AT_LEASES),
  ])
  const tasks = (await engine.store.tasks(jobId, [...new Set(leases.map(({ taskId }) => taskId))])).flatMap(
    (task) => task?.value ?? [],
  )
  const now = engine.clock.now()
  const slow = tasks.filter((task) => isStraggler(task, meanMs(plan, counters, task), now))
  const since = (task: TaskRecord) => liveAttempts(task)[0]?.startedAt ?? now
  return slow.sort((a, b) => since(a) - since(b))
}
