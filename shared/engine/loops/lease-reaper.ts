import { expireLease } from '../../domain/task/fail-attempt.ts'
import type { JobId } from '../../protocol/ids.ts'
import type { Engine } from '../context.ts'
import { transact } from '../commit/transact.ts'

const BATCH = 200

/** Ends the leases of a job that were not renewed in time. Any number of reapers may run; each end is one commit. */
export async function reapLeases(engine: Engine, jobId: JobId): Promise<number> {
  const now = engine.clock.now()
  const expired = await engine.store.expiredLeases(jobId, now, BATCH)
  for (const { taskId, epoch } of expired) {
    await transact(engine, jobId, { tasks: [taskId] }, ({ job, task }, at) => {
      const record = task(taskId)
      return record === undefined ? { ok: true } : expireLease(job, record, epoch, at)
    })
    engine.log.info({ jobId, taskId, epoch }, 'lease expired')
  }
  return expired.length
}
