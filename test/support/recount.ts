import { isPicky } from '../../shared/domain/scheduling/task-fit.ts'
import { recount } from '../../shared/engine/commit/commit.ts'
import type { FarmStore } from '../../shared/ports/farm-store.ts'
import type { JobId } from '../../shared/protocol/ids.ts'

/**
 * Where counters, leases or the list of picky tasks say something else than a recount of a job's records; empty when
 * all is well.
 */
export async function recountFaults(store: FarmStore, id: JobId): Promise<string[]> {
  const faults: string[] = []
  const tasks = (await store.listTasks(id, { limit: 1e6 })).items
  const frames = (await store.listFrames(id, { limit: 1e6 })).items
  const kept = await store.counters(id)
  const job = await store.job(id)
  const recounted = job === null ? {} : recount(job.value.plan, tasks, frames)
  for (const name of new Set([...Object.keys(recounted), ...Object.keys(kept)]))
    if ((recounted[name] ?? 0) !== (kept[name] ?? 0))
      faults.push(`${id}: counter ${name} is ${kept[name]}, the records say ${recounted[name]}`)
  const leases = (await store.expiredLeases(id, Number.MAX_SAFE_INTEGER, 1e6))
    .map(({ taskId, epoch }) => `${taskId}@${epoch}`)
    .sort()
    .join()
  const held = tasks
    .flatMap((task) =>
      task.attempts.filter(({ outcome }) => outcome === 'running').map(({ epoch }) => `${task.id}@${epoch}`),
    )
    .sort()
    .join()
  if (leases !== held) faults.push(`${id}: leases are ${leases}, held are ${held}`)
  const listed = (await store.picky(id, 1e6)).slice().sort().join()
  const picky = tasks
    .filter((task) => task.state === 'queued' && isPicky(task))
    .map((task) => task.id)
    .sort()
    .join()
  if (listed !== picky) faults.push(`${id}: picky are ${listed}, the records say ${picky}`)
  return faults
}
